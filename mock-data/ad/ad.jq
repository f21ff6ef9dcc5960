# More users for tests of size: the same people that the other upstreams make up. One in seven is disabled, one in five is
# not synced to Entra and so not here.

# A number as its bytes in hexadecimal, the lowest first.
def bytes($count): . as $n
  | [range($count) | . as $at | ($n / pow(256; $at) | floor) % 256 | "0123456789abcdef"[(. / 16 | floor):][:1] + "0123456789abcdef"[. % 16:][:1]]
  | join("");

def generated_user: . as $n
  | (("000000" + ($n | tostring))[-6:]) as $digits
  | "generated.\($digits)@nexus.corp" as $upn
  | {
      dn: "CN=Generated \($digits),OU=Users,DC=nexus,DC=corp",
      objectClass: ["top", "person", "organizationalPerson", "user"],
      objectCategory: "CN=Person,CN=Schema,CN=Configuration,DC=nexus,DC=corp",
      cn: "Generated \($digits)", displayName: "Generated \($digits)", givenName: "Generated", sn: $digits,
      sAMAccountName: "generated\($digits)", userPrincipalName: $upn, mail: $upn, employeeID: "EMP-\(100000 + $n)",
      title: "Engineering Manager", department: "Engineering",
      userAccountControl: (if $n % 7 == 0 then "514" else "512" end), primaryGroupID: "513",
      lastLogonTimestamp: "134256528000000000", accountExpires: "9223372036854775807",
      whenCreated: "20200101000000.0Z",
      objectGUID: {hex: "0000000000000040d000\($n | bytes(6))"},
      objectSid: {hex: "0105000000000005150000006f5f1aadb0d4af529bf85bcb\(100000 + $n | bytes(4))"}
    };

def scaled($count): $tables | .entries += [range(1; $count + 1) | select(. % 5 != 0) | generated_user];
