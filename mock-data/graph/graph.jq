# How Microsoft Graph v1.0 answers, as far as the routes beside this file need it.
#
# Where the vendor leaves a choice open, this file takes the one that is harder on the client. What the vendor supports and
# this file does not is an error of the mock upstream, never a guess.

# Replies and errors ---------------------------------------------------------------------------------------------------

def headers: {
  "content-type": "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8",
  "cache-control": "no-cache",
  "request-id": "6d0c3bb4-0c0f-4c0e-9d6a-5f1f3a1f7b10"
};

def reply($status; $body): {status: $status, headers: headers, body: $body};

def failure($status; $code; $message): reply($status; {error: {
  code: $code,
  message: $message,
  innerError: {date: $now[:19], "request-id": headers["request-id"], "client-request-id": headers["request-id"]}
}});

# Leaves the expression with an error reply. `endpoint` catches it.
def refuse($status; $code; $message): error({reply: failure($status; $code; $message)});
def bad_request($message): refuse(400; "Request_BadRequest"; $message);
def not_found($id): refuse(404; "Request_ResourceNotFound";
  "Resource '\($id)' does not exist or one of its queried reference-property objects are not present.");

def endpoint(answer): try answer catch (if type == "object" and has("reply") then .reply else error end);

# What the tenant has not bought and what nobody has consented to.
def licensed($what):
  if $tables.tenant.licensed[$what] then .
  elif $what == "premium" then refuse(403; "Authentication_RequestFromNonPremiumTenantOrB2CTenant";
    "Neither tenant is B2C or tenant doesn't have premium license")
  else refuse(403; "Forbidden"; "Your tenant is not licensed for this feature.") end;
def permitted($collection):
  if $tables.tenant.denied | index([$collection]) then
    refuse(403; "Authorization_RequestDenied"; "Insufficient privileges to complete the operation.")
  else . end;

# Query options --------------------------------------------------------------------------------------------------------

def option($key): $request.query[$key];
def eventual: ($request.headers.consistencylevel // "") | ascii_downcase == "eventual";
# Advanced queries need the header and $count=true together.
def advanced: eventual and option("$count") == "true";

# A page size. Above the maximum some collections refuse and some lower it.
def top($default; $max; $above): option("$top") as $text
  | if $text == null then $default
    elif $text | test("^[0-9]{1,9}$") | not then
      bad_request("Invalid value '\($text)' for $top query option found. The $top query option requires a non-negative integer value.")
    else ($text | tonumber) as $size
      | if $size >= 1 and $size <= $max then $size
        elif $size > $max and $above == "lowered" then $max
        else bad_request("Invalid page size specified: '\($size)'. Must be between 1 and \($max) inclusive.") end
    end;

# The name as the vendor spells it, for any spelling of its case, or null.
def spelled($names): ascii_downcase as $low | first($names[] | select(ascii_downcase == $low)) // null;

# What $select asks for, or what comes without it: of a kind whose rows are of derived types (`whole`), all of each row.
def selection($kind; $single): $tables.kinds[$kind] as $known
  | option("$select") as $text
  | if $text == null then (if $known.whole then null else $known.default // $known.properties end)
    else [$text | split(",")[] | gsub("^ +| +$"; "") | . as $name
      | if spelled($known.properties) then spelled($known.properties)
        elif spelled($known.single_only) == null then refuse(400; "BadRequest";
          "Parsing OData Select and Expand failed: Could not find a property named '\($name)' on type '\($known.type)'.")
        elif $single then error("the mock upstream has no \($name)")
        else refuse(501; "NotImplemented"; "This operation target is not yet supported.") end] | unique_by(.)
    end;

# Selected properties of a row, null where the row has none; all that it has where none are named. The type is no property
# and stays.
def project($names): . as $row
  | if $names == null then $row
    else reduce $names[] as $name (
      if has("@odata.type") then {"@odata.type": $row["@odata.type"]} else {} end; . + {($name): $row[$name]})
    end;

# $filter: comparisons, in, startswith, endswith, and, or, not, parentheses -------------------------------------------------

def malformed: refuse(400; "BadRequest"; "Invalid filter clause");
def unsupported($property; $kind): refuse(400; "Request_UnsupportedQuery";
  "Unsupported or invalid query filter clause specified for property '\($property)' of resource '\($tables.kinds[$kind].resource)'.");

def words: . as $text
  | [scan("[ \t]+|'(?:[^']|'')*'|[(),]|[A-Za-z_][A-Za-z0-9_/.]*|-?[0-9][-0-9A-Za-z:.+]*")]
  | if add == $text then map(select(test("^[ \t]") | not)) else malformed end;

def literal: if . == null then malformed
  elif startswith("'") then .[1:-1] | gsub("''"; "'")
  elif . == "true" then true elif . == "false" then false elif . == "null" then null
  elif test("^-?[0-9]+$") then tonumber
  elif test("^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]+Z)?$") then .
  else malformed end;

# Reads one level of the clause: 0 joins by `or`, 1 by `and`, 2 is a term. Gives the node and where it ended.
def clause($w; $at; $level):
  if $level < 2 then
    (["or", "and"] | .[$level]) as $joint
    | clause($w; $at; $level + 1)
    | until($w[.at] != $joint; . as $left
        | clause($w; $left.at + 1; $level + 1)
        | {node: {joint: $joint, left: $left.node, right: .node}, at})
  elif $w[$at] == null then malformed
  elif $w[$at] == "(" then
    clause($w; $at + 1; 0) | if $w[.at] == ")" then .at += 1 else malformed end
  elif $w[$at] == "not" then
    clause($w; $at + 1; 2) | {node: {joint: "not", left: .node}, at}
  elif $w[$at + 1] == "(" then
    if $w[$at + 3] != "," or $w[$at + 5] != ")" then malformed
    else {node: {compare: ($w[$at] | ascii_downcase), property: $w[$at + 2], value: ($w[$at + 4] | literal)}, at: ($at + 6)} end
  elif $w[$at + 1] == "in" and $w[$at + 2] == "(" then
    (first(range($at + 3; $w | length) | select($w[.] == ")")) // malformed) as $end
    | {node: {compare: "in", property: $w[$at], value: [$w[$at + 3:$end][] | select(. != ",") | literal]}, at: ($end + 1)}
  else
    {node: {compare: $w[$at + 1], property: $w[$at], value: ($w[$at + 2] | literal)}, at: ($at + 3)}
  end;

# Only properties that can be filtered by, and what needs the advanced form only in it.
def checked($kind):
  if .joint then
    if .joint == "not" and (advanced | not) then unsupported("not"; $kind) else . end
    | .left |= checked($kind) | if .right then .right |= checked($kind) else . end
  elif [.compare] | inside(["eq", "ne", "lt", "le", "gt", "ge", "in", "startswith", "endswith"]) | not then malformed
  else
    .property as $asked
    | (.property | spelled($tables.kinds[$kind].filterable)) as $name
    | if $name == null or (([.compare] | inside(["ne", "endswith"])) and (advanced | not)) then unsupported($asked; $kind)
      else .property = ($name | split("/")) end
  end;

def folded: if type == "string" then ascii_downcase else . end;

# Whether a row satisfies a node. Text is compared without regard to case, and null is neither less nor greater.
def satisfies($node): . as $row
  | if $node.joint == "or" then satisfies($node.left) or satisfies($node.right)
    elif $node.joint == "and" then satisfies($node.left) and satisfies($node.right)
    elif $node.joint == "not" then satisfies($node.left) | not
    else
      ($row | getpath($node.property) | folded) as $found
      | ($node.value | if type == "array" then map(folded) else folded end) as $value
      | if $node.compare == "eq" then $found == $value
        elif $node.compare == "ne" then $found != $value
        elif $node.compare == "in" then any($value[]; . == $found)
        elif $found == null or $value == null then false
        elif $node.compare == "lt" then $found < $value
        elif $node.compare == "le" then $found <= $value
        elif $node.compare == "gt" then $found > $value
        elif $node.compare == "ge" then $found >= $value
        elif $node.compare == "startswith" then $found | startswith($value)
        else $found | endswith($value) end
    end;

def filtered($kind): . as $rows
  | option("$filter") as $text
  | if $text == null then $rows
    else ($text | words) as $w
      | (clause($w; 0; 0) | if .at == ($w | length) then .node | checked($kind) else malformed end) as $node
      # One text compared is what is asked of tens of thousands of rows, so it takes the short way to the same answer.
      | if $node.compare == "eq" and ($node.property | length) == 1 and ($node.value | type) == "string" then
          $node.property[0] as $name | ($node.value | folded) as $value
          | $rows | map(select((.[$name] | ascii_downcase?) == $value))
        else $rows | map(select(satisfies($node))) end
    end;

# Pages -------------------------------------------------------------------------------------------------------------------

# Where the last page ended. A token is good only with the filter that it was made with.
def position: option("$skiptoken") as $text
  | if option("$skip") then
      if option("$skip") | test("^[0-9]{1,9}$") then {from: (option("$skip") | tonumber), page: 2}
      else bad_request("Invalid value for $skip query option.") end
    elif $text == null then {from: 0, page: 1}
    else (try ($text | @base64d | fromjson) catch null) as $token
      | if ($token | type) == "object" and $token.filter == option("$filter") then $token
        else refuse(400; "Directory_ExpiredPageToken"; "The specified page token value has expired and can no longer be included in your request.") end
    end;

# The link repeats the options of the request, in their order. Most collections link by token, some by row.
def next_link($path; $by; $position):
  [($request.pairs[] | select(.[0] != "$skiptoken" and .[0] != "$skip") | "\(.[0])=\(.[1] | @uri)"),
   "\($by)=\(if $by == "$skip" then $position.from else $position | tojson | @base64 | @uri end)"]
  | "https://graph.microsoft.com\($path)?\(join("&"))";

# One page of a list of rows. The tenant may have smaller pages than the vendor documents (`page_sizes`), and pages that come
# out empty although more rows follow (`empty_pages`): the vendor reserves the right to both.
def page($collection; $path; $kind; $by; $asked): . as $rows
  | selection($kind; false) as $names
  | position as $at
  | ([$asked, $tables.tenant.page_sizes[$collection] // $asked] | min) as $size
  | ($at.from + if any($tables.tenant.empty_pages[$collection][]?; . == $at.page) then 0 else $size end) as $end
  | {"@odata.context": ("https://graph.microsoft.com/v1.0/$metadata#\($collection)" + (if option("$select") then "(\($names | join(",")))" else "" end))}
  + (if advanced and $at.page == 1 then {"@odata.count": ($rows | length)} else {} end)
  + (if $end < ($rows | length) then
      {"@odata.nextLink": next_link($path; $by; {from: $end, page: ($at.page + 1), filter: option("$filter")})} else {} end)
  + {value: [$rows[$at.from:$end][] | project($names)]}
  | reply(200; .);
def page($collection; $path; $kind; $asked): page($collection; $path; $kind; "$skiptoken"; $asked);

# Collections -------------------------------------------------------------------------------------------------------------

# $count=true alone is refused by directory collections.
def countable: if option("$count") == "true" and (eventual | not) then
    refuse(400; "Request_UnsupportedQuery"; "$count is not currently supported.") else . end;

def activity_asked: (option("$select") // "") + " " + (option("$filter") // "") | test("signInActivity"; "i");

def users: endpoint(permitted("users") | countable
  | (if activity_asked then licensed("premium") | top(100; 500; "lowered") else top(100; 999; "refused") end) as $size
  | $tables.users | filtered("user") | page("users"; "/v1.0/users"; "user"; $size));

def key: ascii_downcase as $low
  | first($tables.users[] | select(.id == $low or (.userPrincipalName | ascii_downcase) == $low)) // not_found($request.params.id);

def user: endpoint(permitted("users") | $request.params.id as $id
  | if $id | startswith("$") then bad_request("Resource not found for the segment '\($id)'.") else . end
  | ($id | key) as $row
  | selection("user"; true) as $names
  | reply(200; {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#users\(if option("$select") then "(\($names | join(",")))" else "" end)/$entity"}
      + ($row | project($names))));

def group_by_id: ($request.params.id | ascii_downcase) as $id
  | if $id | test("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$") then . else bad_request("Invalid object identifier '\($request.params.id)'.") end
  | first($tables.groups[] | select(.id == $id)) // not_found($request.params.id);

def groups: endpoint(permitted("groups") | countable | top(100; 999; "refused") as $size
  | $tables.groups | filtered("group") | page("groups"; "/v1.0/groups"; "group"; $size));

def group: endpoint(permitted("groups") | group_by_id | project(selection("group"; true)) | reply(200; .));

# Direct members only. Service principals come with the advanced form only, and a type that the application may not read
# comes with its id and nothing else.
def members: endpoint(permitted("members") | countable | group_by_id as $group | top(100; 999; "refused") as $size
  | ([$tables.users[], $tables.groups[], $tables.service_principals[]] | map({key: .id, value: .}) | from_entries) as $objects
  | [$tables.group_members[] | select(.group == $group.id)
      | select(advanced or .type != "#microsoft.graph.servicePrincipal")
      | {"@odata.type": .type} + (if $tables.tenant.members_readable then $objects[.member] else {id: .member} end)]
  | filtered("directoryObject")
  | page("directoryObjects"; "/v1.0/groups/\($group.id)/members"; "directoryObject"; $size)
  | if option("$select") then . else .body.value |= map(del(.[] | nulls) + {id}) end);

def service_principals: endpoint(permitted("servicePrincipals") | countable | top(100; 999; "refused") as $size
  | $tables.service_principals | filtered("servicePrincipal")
  | page("servicePrincipals"; "/v1.0/servicePrincipals"; "servicePrincipal"; $size));

def policies: endpoint(permitted("conditionalAccess") | licensed("premium") | top(100; 999; "lowered") as $size
  | $tables.conditional_access_policies | filtered("conditionalAccessPolicy")
  | page("identity/conditionalAccess/policies"; "/v1.0/identity/conditionalAccess/policies"; "conditionalAccessPolicy"; "$skip"; $size));

def risky_users: endpoint(permitted("riskyUsers") | licensed("identity_protection") | top(100; 500; "refused") as $size
  | $tables.risky_users | filtered("riskyUser")
  | page("riskyUsers"; "/v1.0/identityProtection/riskyUsers"; "riskyUser"; $size));

# Newest first, and linked under the lower-case spelling of the path.
def sign_ins: endpoint(permitted("signIns") | licensed("premium") | top(1000; 1000; "lowered") as $size
  | $tables.sign_ins | sort_by(.createdDateTime) | reverse | filtered("signIn")
  | page("auditLogs/signIns"; "/v1.0/auditLogs/signins"; "signIn"; $size));

# Intune ------------------------------------------------------------------------------------------------------------------

# Intune stands behind Graph, and what it says comes through: JSON in the message, with an address that is nobody's business.
def intune_refuse($status; $code; $message): refuse($status; $code; {
  "_version": 3,
  Message: ("\($message) - Operation ID (for customer support): 00000000-0000-0000-0000-000000000000"
    + " - Activity ID: \(headers["request-id"]) - Url: https://fef.msub01.manage.microsoft.com/StatelessFEService"
    + "\($request.path | ltrimstr("/v1.0"))?api-version=2025-07-02"),
  CustomApiErrorPhrase: "", RetryAfter: null, ErrorSourceService: "", HttpHeaders: "{}"} | tojson);

def intune_permitted($collection; $permission):
  if $tables.tenant.denied | index([$collection]) then
    intune_refuse(403; "Forbidden"; "Application is not authorized to perform this operation. Application must have one of the following scopes: \($permission).Read.All, \($permission).ReadWrite.All")
  else . end;

# Intune counts without being asked, and it counts the page.
def intune_page($area; $collection; $kind):
  page("\($area)/\($collection)"; "/v1.0/\($area)/\($collection)"; $kind; top(1000; 1000; "refused"))
  | .body |= {"@odata.context", "@odata.count": (.value | length)} + .;

def managed_devices: endpoint(intune_permitted("managedDevices"; "DeviceManagementManagedDevices")
  | $tables.managed_devices | filtered("managedDevice") | intune_page("deviceManagement"; "managedDevices"; "managedDevice"));

def managed_device: endpoint(intune_permitted("managedDevices"; "DeviceManagementManagedDevices")
  | ($request.params.id | ascii_downcase) as $id
  | if $id | test("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$") then . else
      intune_refuse(400; "BadRequest"; "The device id is not a GUID") end
  | (first($tables.managed_devices[] | select(.id == $id)) // intune_refuse(404; "ResourceNotFound"; "An error has occurred")) as $row
  | selection("managedDevice"; true) as $names
  | reply(200; {"@odata.context": "https://graph.microsoft.com/v1.0/$metadata#deviceManagement/managedDevices\(if option("$select") then "(\($names | join(",")))" else "" end)/$entity"}
      + ($row | project($names))));

def compliance_policies: endpoint(intune_permitted("deviceCompliancePolicies"; "DeviceManagementConfiguration")
  | $tables.compliance_policies | filtered("deviceCompliancePolicy")
  | intune_page("deviceManagement"; "deviceCompliancePolicies"; "deviceCompliancePolicy"));

def configuration_profiles: endpoint(intune_permitted("deviceConfigurations"; "DeviceManagementConfiguration")
  | $tables.configuration_profiles | filtered("deviceConfiguration")
  | intune_page("deviceManagement"; "deviceConfigurations"; "deviceConfiguration"));

def mobile_apps: endpoint(intune_permitted("mobileApps"; "DeviceManagementApps")
  | $tables.mobile_apps | filtered("mobileApp") | intune_page("deviceAppManagement"; "mobileApps"; "mobileApp"));

# Clients have seen $select fail here, with a 500.
def autopilot_devices: endpoint(intune_permitted("windowsAutopilotDeviceIdentities"; "DeviceManagementServiceConfig")
  | if option("$select") then intune_refuse(500; "InternalServerError"; "An internal server error has occurred") else . end
  | $tables.autopilot_devices
  | intune_page("deviceManagement"; "windowsAutopilotDeviceIdentities"; "windowsAutopilotDeviceIdentity"));

# More of everything, for tests of size -----------------------------------------------------------------------------------

# One in seven is disabled, one in five is not synced, one in eleven has no mail. One in 13 has never signed in, one in 17 not
# for months, and one in three has an application that signs in for them after they did.
def generated_user: . as $n
  | (("000000" + ($n | tostring))[-6:]) as $digits
  | "generated.\($digits)@nexus.corp" as $upn
  | ($n % 5 != 0) as $synced
  | $tables.users[0] + {
      id: "00000000-0000-4000-8000-000000\($digits)",
      accountEnabled: ($n % 7 != 0),
      displayName: "Generated \($digits)", givenName: "Generated", surname: $digits,
      employeeId: "EMP-\(100000 + $n)",
      userPrincipalName: $upn, mail: (if $n % 11 == 0 then null else $upn end), mailNickname: "generated\($digits)",
      businessPhones: [], identities: [], imAddresses: [], proxyAddresses: [], onPremisesImmutableId: null,
      signInActivity: (if $n % 13 == 0 then null else {
        lastSignInDateTime: (if $n % 17 == 0 then "2026-01-12T08:30:00Z" else "2026-06-12T08:30:00Z" end),
        lastSignInRequestId: "00000000-0000-4000-b000-000000\($digits)",
        lastNonInteractiveSignInDateTime: (if $n % 17 != 0 and $n % 3 == 0 then "2026-06-15T06:00:00Z" else null end),
        lastNonInteractiveSignInRequestId: (if $n % 17 != 0 and $n % 3 == 0 then "00000000-0000-4000-c000-000000\($digits)" else null end)
      } end)
    } + if $synced then {
      onPremisesSyncEnabled: true,
      onPremisesSamAccountName: "generated\($digits)",
      onPremisesSecurityIdentifier: "S-1-5-21-2904186735-1387254960-3411802267-\(100000 + $n)",
      onPremisesDistinguishedName: "CN=Generated \($digits),OU=Users,DC=nexus,DC=corp",
      onPremisesUserPrincipalName: $upn
    } else {
      onPremisesSyncEnabled: null, onPremisesSamAccountName: null, onPremisesSecurityIdentifier: null,
      onPremisesDistinguishedName: null, onPremisesUserPrincipalName: null
    } end;

# The computer of the user of the same number. One in 25 is noncompliant, one in 13 has never checked in. What is not here is
# null: tens of thousands of whole rows would fill the memory.
def generated_device: . as $n
  | (("000000" + ($n | tostring))[-6:]) as $digits
  | "generated.\($digits)@nexus.corp" as $upn
  | ($tables.managed_devices[0] | {
      managedDeviceOwnerType, enrolledDateTime, operatingSystem, osVersion, managementAgent, managementState,
      azureADRegistered, isEncrypted, manufacturer, model
    }) + {
      id: "00000000-0000-4000-9000-000000\($digits)",
      userId: "00000000-0000-4000-8000-000000\($digits)",
      azureADDeviceId: "00000000-0000-4000-a000-000000\($digits)",
      deviceName: "GEN-\($digits)", serialNumber: "SNG\($digits)",
      complianceState: (if $n % 25 == 0 then "noncompliant" else "compliant" end),
      lastSyncDateTime: (if $n % 13 == 0 then "0001-01-01T00:00:00Z" else "2026-06-15T06:00:00Z" end),
      userPrincipalName: $upn, emailAddress: $upn, userDisplayName: "Generated \($digits)"
    };

def scaled($count): $tables
  | .users += [range(1; $count + 1) | generated_user]
  | .managed_devices += [range(1; $count + 1) | generated_device];
