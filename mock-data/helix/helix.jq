# How BMC Helix ITSM answers: the login, entries of AR System forms and instances of the CMDB, as far as the routes beside
# this file need it.
#
# Where the vendor leaves a choice open, this file takes the one that is harder on the client. What the vendor supports and
# this file does not is an error of the mock upstream, never a guess.

# Replies and errors ---------------------------------------------------------------------------------------------------

def reply($status; $body): {status: $status, headers: {"content-type": "application/json;charset=UTF-8", "cache-control": "no-cache"}, body: $body};

# An error is a list of messages.
def failure($status; $number; $text; $appended): reply($status;
  [{messageType: "ERROR", messageText: $text, messageAppendedText: $appended, messageNumber: $number}]);

# Leaves the expression with an error reply. `endpoint` catches it.
def refuse($status; $number; $text; $appended): error({reply: failure($status; $number; $text; $appended)});
def malformed: refuse(400; 4558; "Qualification line error"; "");
def no_field($name): refuse(400; 314; "Field does not exist on current form"; $name);

def endpoint(answer): try answer catch (if type == "object" and has("reply") then .reply else error end);

def readable($form): if $tables.server.denied | index([$form]) then refuse(403; 353; "You have no access to form"; $form) else . end;

# The login ------------------------------------------------------------------------------------------------------------

# The token is the body, as text. In process nobody holds a secret, so nothing is compared (`checks` is false).
def login: ($request.body // {}) as $form
  | if .checks and ($form.username != .secrets.HELIX_USERNAME or $form.password != .secrets.HELIX_PASSWORD) then
      failure(401; 623; "Authentication failed"; $form.username // "")
    else {status: 200, headers: {"cache-control": "no-store"}, text: .token} end;

# Qualifications: comparisons, LIKE, AND, OR, parentheses -----------------------------------------------------------------

# 'Field', "text" (a quote in either is doubled), numbers, $NULL$.
def words: . as $text
  | [scan("[ \t]+|'(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|\\$NULL\\$|[()]|[<>!]=|[=<>]|[A-Za-z]+|-?[0-9]+")]
  | if (add // "") == $text then map(select(test("^[ \t]") | not)) else malformed end;

def literal: if . == null then malformed
  elif . == "$NULL$" then null
  elif startswith("\"") then .[1:-1] | gsub("\"\""; "\"")
  elif test("^-?[0-9]+$") then tonumber
  else malformed end;

# Reads one level of the condition: 0 joins by OR, 1 by AND, 2 is a term. Gives the node and where it ended.
def condition($w; $at; $level):
  if $level < 2 then
    (["OR", "AND"] | .[$level]) as $joint
    | condition($w; $at; $level + 1)
    | until($w[.at] != $joint; . as $left
        | condition($w; $left.at + 1; $level + 1)
        | {node: {joint: $joint, left: $left.node, right: .node}, at})
  elif $w[$at] == null then malformed
  elif $w[$at] == "(" then
    condition($w; $at + 1; 0) | if $w[.at] == ")" then .at += 1 else malformed end
  elif $w[$at] == "NOT" then error("the mock upstream knows no NOT")
  elif $w[$at] | startswith("'") | not then malformed
  else
    {node: {field: ($w[$at] | .[1:-1] | gsub("''"; "'")), compare: $w[$at + 1], value: ($w[$at + 2] | literal)}, at: ($at + 3)}
  end;

# A database may tell upper from lower case, and then finds less.
def cased: if $tables.server.case_sensitive then . else ascii_downcase end;

# A time in a condition is a number of seconds since 1970, and in the tables a text. All of these are in UTC, so that they stand
# in order as texts. How a server reads a time that is written as text depends on its settings: that is no comparison here.
def moment: todate | "\(.[:19]).000+0000";

# The pattern of LIKE as a regular expression: % is any text, _ any character, [ab] and [^ab] one of some.
def like: [scan("\\[\\^?[^\\]]+\\]|(?s:.)")
    | if . == "%" then ".*" elif . == "_" then "."
      elif length > 1 then gsub("(?<odd>[\\\\&~])"; "\\\(.odd)")
      else gsub("(?<odd>[\\\\.+*?()|\\[\\]{}^$#&~-])"; "\\\(.odd)") end]
  | "^(?s:\(add // ""))\\z";

# Whether a value stands to that of a node as the node says.
def compared($node): $node.value as $value
  | if $node.compare == "=" then . == $value
    elif $node.compare == "!=" then . != $value
    elif $node.compare == "<" then . < $value
    elif $node.compare == "<=" then . <= $value
    elif $node.compare == ">" then . > $value
    else . >= $value end;

# Comparisons that the form can answer. One with a label becomes the labels that satisfy it, by their place in the selection.
def checked($form): $tables.forms[$form] as $known
  | if .joint then .left |= checked($form) | .right |= checked($form)
    elif [.compare] | inside(["=", "!=", "<", "<=", ">", ">=", "LIKE"]) | not then malformed
    else .field as $name
      | if $tables[$known.table][0].values | has($name) | not then no_field($name)
        elif $tables.server.unreadable[$form] // [] | index([$name]) then refuse(403; 331; "You do not have access to field"; $name)
        elif .value == null then if .compare == "=" or .compare == "!=" then . else malformed end
        elif $known.selections[$name] then $known.selections[$name] as $labels
          | if .compare == "LIKE" then error("the mock upstream compares no label by LIKE") else . end
          | .value |= (if type == "number" then . else . as $label | ($labels | index([$label])) // malformed end)
          | . as $node
          | .labels = reduce range($labels | length) as $place ({}; .[$labels[$place]] = ($place | compared($node)))
        elif ($known.texts | index([$name])) and (.value | type) == "string" then
          if .compare == "LIKE" then .pattern = (.value | cased | like) else .value |= cased end
        elif ($known.times | index([$name])) and (.value | type) == "number" and .compare != "LIKE" then .value |= (moment | cased)
        else error("the mock upstream does not compare \($name) so") end
    end;

# The rows that satisfy a node. Nothing compares with null but $NULL$. A whole table at once, and both sides of an AND one after
# the other: that is what makes a long table bearable.
def those($node):
  if $node.joint == "AND" then those($node.left) | those($node.right)
  elif $node.joint == "OR" then . as $rows
    | ($rows | those($node.left)) as $left
    | (reduce $left[] as $row ({}; .[$row.id] = true)) as $met
    | ($rows | those($node.right) | map(select($met[.id] | not))) as $more
    | if $more == [] then $left else $left + $more | sort_by(.id) end
  else $node.field as $name | $node.labels as $labels | $node.pattern as $pattern
    | if $node.value == null and $node.compare == "=" then map(select(.values[$name] == null))
      elif $node.value == null then map(select(.values[$name] != null))
      elif $labels then map(select(.values[$name] as $held | $held and $labels[$held]))
      elif $pattern then map(select(.values[$name] as $held | $held and ($held | cased | test($pattern))))
      elif $node.compare == "=" and $tables.server.case_sensitive then $node.value as $value | map(select(.values[$name] == $value))
      else map(select(.values[$name] as $held | $held and ($held | cased | compared($node)))) end
  end;

def filtered($form; $text): if $text == null then . else . as $rows
  | ($text | words) as $w
  | (condition($w; 0; 0) | if .at == ($w | length) then .node | checked($form) else malformed end) as $node
  | $rows | those($node) end;

# Pages ----------------------------------------------------------------------------------------------------------------

# `Field.asc` or `Field.desc`; else the order of the table.
def sorted($form; $text): if $text == null then .
  elif $text | test("^[^.,]+\\.(?:asc|desc)$") | not then error("the mock upstream sorts by one field")
  else ($text | split(".")) as [$name, $direction]
    | if $tables.forms[$form].texts | index([$name]) then sort_by(.values[$name]) else error("the mock upstream does not sort by \($name)") end
    | if $direction == "desc" then reverse else . end
  end;

def whole($key; $default): $request.query[$key] as $text
  | if $text == null then $default
    elif $text | test("^[0-9]{1,9}$") then $text | tonumber
    else error("the mock upstream has no answer to \($key)=\($text)") end;

def size($default; $max): whole("limit"; $default) as $size
  | if $size == 0 then error("the mock upstream has no answer to limit=0") else [$size, $max] | min end;

# The names asked for, without those that the account may not read: these are left out of the reply, not null.
def named($form; $names):
  ($tables[$tables.forms[$form].table][0].values) as $known
  | ($names // ($known | keys_unsorted))
  | map(. as $name | if $known | has($name) then . else no_field($name) end) - ($tables.server.unreadable[$form] // []);

# Those values of a row. The labels of selections come in the language of the account (`labels`).
def shown($form; $names): .values as $held
  | reduce $names[] as $name ({}; .[$name] = $held[$name])
  | if $tables.server.labels == {} then .
    else reduce ($tables.forms[$form].selections | keys[]) as $name (.;
      if .[$name] then .[$name] |= ($tables.server.labels[.] // .) else . end) end;

# What is asked again and again at scale was found when the tables were made; see `scaled`.
def found($form; $text; $order; otherwise): ($tables.views // {})["\($form) \($text) \($order)"] // otherwise;

# Entries of AR System -------------------------------------------------------------------------------------------------

# `values(A,B)`
def fields: $request.query.fields as $text
  | if $text == null then null
    elif $text | test("^values\\([^()]+\\)$") then $text[7:-1] | split(",")
    else error("the mock upstream has no answer to fields=\($text)") end;

# The id in a link is that of the entry, never the number that people know. There is no total, and the server may give fewer
# entries than asked (`max_entries`), without a word.
def entries($form): endpoint(readable($form)
  | $request.query as {$q, $sort}
  | named($form; fields) as $names
  | found($form; $q; $sort; $tables[$tables.forms[$form].table] | filtered($form; $q) | sorted($form; $sort)) as $rows
  | whole("offset"; 0) as $from
  | ($from + size($tables.server.max_entries; $tables.server.max_entries)) as $to
  | reply(200; {entries: [$rows[$from:$to][] | {
      values: shown($form; $names),
      _links: {self: [{href: "https://\($request.host)/api/arsys/v1/entry/\($form)/\(.id | @uri)"}]}
    }]}));

# Instances of the CMDB ------------------------------------------------------------------------------------------------

# At most 100 a page. The count of all matches comes if it is asked for, and if this server tells it (`counts_matches`).
def instances($form): endpoint(readable($form)
  | $request.params.dataset as $dataset
  | $request.query.qualification as $text
  | named($form; $request.query.attributes | if . then split(",") else . end) as $names
  | found($form; $text; $dataset; $tables[$tables.forms[$form].table] | map(select(.dataset_id == $dataset)) | filtered($form; $text)) as $rows
  | whole("offset"; 0) as $from
  | ($from + size(100; 100)) as $to
  | ($form | split(":")) as [$namespace, $class]
  | reply(200; {instances: [$rows[$from:$to][] | {
      instance_id: .id,
      class_name_key: {name: $class, namespace: $namespace},
      dataset_id,
      attributes: shown($form; $names),
      _links: {self: [{href: "https://\($request.host)/api/cmdb/v1.0/instances/\(.dataset_id)/\($namespace)/\($class)/\(.id)"}]}
    }]} + if $request.query.num_matches == "true" and $tables.server.counts_matches then {num_matches: ($rows | length)} else {} end));

# More of everything, for tests of size -----------------------------------------------------------------------------------

def digits: ("000000" + tostring)[-6:];

# Rows made up are sparse: what they lack is null. One in five is resolved, one in three is nobody's.
def generated_incident: . as $n | digits as $digits | $tables.incidents[0].values as $first
  | {id: "INC2\($digits)|INC2\($digits)", values: {
      "Incident Number": "INC1\($digits)",
      "Status": (if $n % 5 == 0 then "Resolved" else "Assigned" end),
      "Priority": $first.Priority,
      "Description": "Generated incident \($digits)",
      "Assignee": (if $n % 3 == 0 then null else "Frank Davis" end),
      "Assigned Group": $first["Assigned Group"],
      "Service Type": $first["Service Type"],
      "HPD_CI": "GEN-\($digits)",
      "Submit Date": $first["Submit Date"],
      "Last Modified Date": $first["Last Modified Date"],
      "Last Resolved Date": (if $n % 5 == 0 then $first["Last Resolved Date"] else null end)
    }};

def generated_computer: digits as $digits | $tables.computers[0].values as $first
  | {id: "OI-00000000000000000000000001\($digits)", dataset_id: "BMC.ASSET", values: {
      "Name": "GEN-\($digits)",
      "ClassId": $first.ClassId,
      "SerialNumber": "SNG\($digits)",
      "ManufacturerName": $first.ManufacturerName,
      "Model": $first.Model
    }};

# Two conditions are asked of every page of a long list. What they find is kept in `views`: the generated rows that are known
# to satisfy them, and of the others those that do.
def scaled($count):
  [range(1; $count + 1) | generated_incident] as $incidents
  | [range(1; $count + 1) | generated_computer] as $computers
  | "HPD:IncidentInterface" as $form | "'Status' < \"Resolved\"" as $open | "Incident Number.desc" as $sort
  | "BMC.CORE:BMC_ComputerSystem" as $class | "'MarkAsDeleted' = $NULL$ OR 'MarkAsDeleted' = 0" as $live
  | $tables
  | .views = {
      "\($form) \($open) \($sort)":
        (($incidents | map(select(.values.Status != "Resolved")) | reverse) + ($tables.incidents | filtered($form; $open) | sorted($form; $sort))),
      "\($class) \($live) BMC.ASSET":
        (($tables.computers | map(select(.dataset_id == "BMC.ASSET")) | filtered($class; $live)) + $computers)
    }
  | .incidents += $incidents
  | .computers += $computers;
