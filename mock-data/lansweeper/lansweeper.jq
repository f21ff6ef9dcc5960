# How Lansweeper's GraphQL API answers queries about a site and its assets.
#
# Where the vendor leaves a choice open, this file takes the one that is harder on the client. What the vendor supports and
# this file does not is an error of the mock upstream, never a guess.

# Replies and errors ---------------------------------------------------------------------------------------------------

def reply($status; $body): {
  status: $status,
  headers: {
    "content-type": "application/json; charset=utf-8",
    "x-ratelimit-limit": "150",
    "x-ratelimit-remaining": "149",
    "x-graphql-status": (if $body.errors then "fail" else "success" end)
  },
  body: $body
};

def failed($status; $message): reply($status; {errors: [{message: $message}]});
# A document or variables that do not fit the schema: nothing is executed.
def invalid($message): failed(400; $message);
def no_access: reply(403; {errors: [{message: "You don't have access to this site"}], data: {site: null}});

# Each leaves the expression with a reply. `answer` catches it.
def refuse($reply): error({reply: $reply});
def reject($message): refuse(invalid($message));
# What was executed and failed: 200, no data for the field, and errors.
def fail($field; $message): refuse(reply(200; {
  errors: [{message: $message, path: ["site", $field], extensions: {code: "BAD_USER_INPUT"}}],
  data: {site: {($field): null}}
}));
def bad_path($field; $path): refuse(reply(400; {errors: [{message: "Invalid path: \($path)"}], data: {site: {($field): null}}}));

def unsupported($what): error("the mock upstream does not know \($what)");

# Documents --------------------------------------------------------------------------------------------------------------
# One query of fields with arguments, aliases and variables; no fragments, directives or default values.

def syntax: reject("Syntax Error: Unexpected token.");

def tokens: gsub("#[^\n]*"; "")
  | "\"(?:[^\"\\\\\n]|\\\\.)*\"|\\$?[A-Za-z_][A-Za-z0-9_]*|-?[0-9]+|[{}()\\[\\]:!,]" as $token
  | if gsub($token; "") | test("\\S") then syntax else [scan($token)] | map(select(. != ",")) end;

def is_name: type == "string" and test("^[A-Za-z_]");

# A value at a place: the value, and the place behind it. Of a variable, what it stands for.
def value($t; $at; $variables): $t[$at] as $first
  | if $first == null then syntax
    elif $first == "[" then
      {value: [], at: ($at + 1)}
      | until($t[.at] == "]"; . as $so | value($t; $so.at; $variables) | {value: ($so.value + [.value]), at})
      | .at += 1
    elif $first == "{" then
      {value: {}, at: ($at + 1)}
      | until($t[.at] == "}"; . as $so
          | if ($t[.at] | is_name) and $t[.at + 1] == ":" then value($t; .at + 2; $variables) else syntax end
          | {value: ($so.value + {($t[$so.at]): .value}), at})
      | .at += 1
    else {value:
        (if $first | startswith("$") then $variables[$first[1:]]
         elif $first | startswith("\"") or test("^-?[0-9]") then $first | fromjson
         elif $first == "true" then true elif $first == "false" then false elif $first == "null" then null
         elif $first | is_name then $first
         else syntax end), at: ($at + 1)}
    end;

# `(name: value ..)` at a place, if it is there.
def arguments($t; $at; $variables):
  if $t[$at] != "(" then {arguments: {}, at: $at}
  else
    {arguments: {}, at: ($at + 1)}
    | until($t[.at] == ")"; . as $so
        | if ($t[.at] | is_name) and $t[.at + 1] == ":" then value($t; .at + 2; $variables) else syntax end
        | {arguments: ($so.arguments + {($t[$so.at]): .value}), at})
    | .at += 1
  end;

# `{ field .. }` at a place, if it is there: its fields, each with `key`, the name under which the reply has it.
def selection($t; $at; $variables):
  if $t[$at] != "{" then {fields: null, at: $at}
  else
    {fields: [], at: ($at + 1)}
    | until($t[.at] == "}"; . as $so
        | if $t[.at] | is_name then . else syntax end
        | (if $t[.at + 1] == ":" then .at + 2 else .at end) as $place
        | if $t[$place] | is_name then . else syntax end
        | arguments($t; $place + 1; $variables) as $with
        | selection($t; $with.at; $variables)
        | {fields: ($so.fields + [{key: $t[$so.at], name: $t[$place], arguments: $with.arguments, fields}]), at})
    | .at += 1
    | if .fields == [] then syntax else . end
  end;

# `($name: Type ..)` at a place, if it is there. What a type says beyond `!` is checked where the variable is used.
def declared($t; $at; $given):
  if $t[$at] != "(" then {variables: {}, at: $at}
  else
    {variables: {}, at: ($at + 1)}
    | until($t[.at] == ")"; . as $so
        | if ($t[.at] // "" | startswith("$")) and $t[.at + 1] == ":" then . else syntax end
        | ($t[.at][1:]) as $name
        | (first(range($so.at + 2; $t | length) | select($t[.] == ")" or ($t[.] | startswith("$")))) // syntax) as $end
        | ($t[$so.at + 2:$end] | join("")) as $type
        | if ($type | endswith("!")) and $given[$name] == null then
            reject("Variable \"$\($name)\" of required type \"\($type)\" was not provided.")
          elif [$t[] | select(. == "$" + $name)] | length < 2 then
            reject("Variable \"$\($name)\" is never used.")
          else {variables: ($so.variables + {($name): $given[$name]}), at: $end} end)
    | .at += 1
  end;

# The fields of the one query in the request.
def query: ($request.body // {}) as $body
  | if ($body.query | type) != "string" then reject("POST body missing, invalid Content-Type, or JSON object has no keys.") else . end
  | ($body.query | tokens) as $t
  | if $t[0] == "{" then 0
    elif $t[0] == "query" then if $t[1] | is_name then 2 else 1 end
    elif $t[0] == "mutation" or $t[0] == "subscription" then reject("Only queries are accepted here.")
    else syntax end
  | declared($t; .; $body.variables // {}) as $declared
  | ([$t[] | select(startswith("$"))[1:]] - ($declared.variables | keys)) as $unknown
  | if $unknown != [] then reject("Variable \"$\($unknown[0])\" is not defined.") else . end
  | selection($t; $declared.at; $declared.variables)
  | if .fields == null or .at != ($t | length) then syntax else .fields end;

# The reply's members for a list of fields: `member` makes one from a field.
def resolved($fields; member): reduce $fields[] as $field ({}; . + {($field.key): ($field | member)});

# Members of a typed object: those asked for, null where there is none.
def chosen($field; $row; $known): if $row == null then null
  else resolved($field.fields // reject("Field \"\($field.name)\" must have a selection of subfields.");
    .name as $name | if $known | index([$name]) then $row[$name] else unsupported("\($field.name).\($name)") end)
  end;

# Filters ------------------------------------------------------------------------------------------------------------------

def conditions: [.. | objects | .conditions // empty | .[]];

# Every condition and group of a filter, checked.
def checked: . as $filters
  | ($filters | conditions) as $conditions
  | if ($conditions | length) > 100 then fail("assetResources"; "A maximum of 100 filters can be applied at the same time.") else . end
  | ([.. | objects | select(has("path") | not) | keys - ["conditions", "conjunction", "groups"] | .[]]) as $unknown
  | if $unknown != [] then reject("Field \"\($unknown[0])\" is not defined by type \"AssetsFilterGroupedInput\".") else . end
  | ([.. | objects | .conjunction | strings] - ["AND", "OR"]) as $unknown
  | if $unknown != [] then reject("Value \"\($unknown[0])\" does not exist in \"AssetsFilterConjunction\" enum.") else . end
  | first(($conditions[]
      | .operator as $operator
      | if ($tables.schema.operators | index([$operator])) == null then
          reject("Value \"\($operator)\" does not exist in \"AssetsFilterType\" enum.")
        elif (.value | type) != "string" then reject("String cannot represent a non string value.")
        elif ["EQUAL", "NOT_EQUAL", "STARTS_WITH", "ENDS_WITH", "CONTAINS", "NOT_CONTAINS"] | index([$operator]) == null then
          unsupported("the operator \($operator)")
        else .path as $path
          | if $tables.schema.filterable | index([$path]) then empty else bad_path("assetResources"; $path) end
        end), $filters);

# Whether a row satisfies one condition. Case matters, and what is not there equals nothing and contains nothing.
def meets($condition): .[$condition.one] as $found
  | (if $condition.two then $found[$condition.two] else $found end) as $found
  | $condition.operator as $operator
  | if $operator == "EQUAL" then $found == $condition.value
    elif $operator == "NOT_EQUAL" then $found != $condition.value
    elif $found == null then $operator == "NOT_CONTAINS"
    elif $operator == "CONTAINS" then $found | contains($condition.value)
    elif $operator == "NOT_CONTAINS" then $found | contains($condition.value) | not
    elif $operator == "STARTS_WITH" then $found | startswith($condition.value)
    else $found | endswith($condition.value) end;

# Whether a row satisfies a filter; an empty one is satisfied by every row.
def satisfies($filter): . as $row
  | if $filter.or then any($filter.conditions[]; . as $condition | $row | meets($condition))
      or any($filter.groups[]; . as $group | $row | satisfies($group))
    else all($filter.conditions[]; . as $condition | $row | meets($condition))
      and all($filter.groups[]; . as $group | $row | satisfies($group)) end;

# A checked filter with its paths as steps.
def parted: . as $filter | {
  conditions: [($filter.conditions // [])[] | (.path | split(".")) as [$one, $two] | {operator, value, one: $one, two: $two}],
  groups: [($filter.groups // [])[] | parted]
} | .or = ($filter.conjunction == "OR" and (.conditions + .groups != []));

# Assets -------------------------------------------------------------------------------------------------------------------

# What a page is called by: the place of its first row, good only with the filter that it was made with.
def seal($filters): ($filters | tojson | explode | add) % 1000000;
def padded($digits): tostring | ("0" * $digits + .)[-$digits:];
def cursor($from; $filters): ($from | padded(12)) + (seal($filters) | padded(12));
def place($filters): . as $text
  | if ($text | type) == "string" and ($text | test("^[0-9]{24}$")) and $text[12:] == (seal($filters) | padded(12)) then
      ("1" + $text[:12] | tonumber) - 1000000000000
    else fail("assetResources"; "Invalid cursor.") end;

# Where a page begins and how long it may be.
def paged($filters): (.assetPagination // unsupported("assetResources without assetPagination")) as $page
  | ($page | keys - ["limit", "page", "cursor"]) as $unknown
  | if $unknown != [] then reject("Field \"\($unknown[0])\" is not defined by type \"AssetsPaginationInputValidated\".")
    elif ($page.limit | type) != "number" or ($page.limit | . != floor or . < 1 or . > 500) then
      fail("assetResources"; "limit must be a number between 1 and 500.")
    elif $page.page == "FIRST" then
      if ($page.cursor // "") == "" then {from: 0, limit: $page.limit, page: "FIRST"} else unsupported("a cursor on the FIRST page") end
    elif $page.page == "NEXT" then {from: ($page.cursor | place($filters)), limit: $page.limit, page: "NEXT"}
    else unsupported("the page \($page.page)") end;

# The paths asked for, as steps, those of one object together: `[["key", null], ["assetBasicInfo", ["name", "type"]]]`.
def steps($field; $known): .fields as $paths
  | if ($paths | type) != "array" or $paths == [] then reject("Field \"\($field)\" argument \"fields\" of type \"[String!]!\" is required, but it was not provided.")
    elif ($paths | length) > 30 then fail($field; "A maximum of 30 element paths can be requested at the same time.")
    else ($paths - $known) as $unknown
      | if $unknown != [] then bad_path($field; $unknown[0])
        else $paths | map(split(".")) | group_by(.[0]) | map([.[0][0], if .[0][1] then map(.[1]) else null end]) end
    end;

# A row nested by the paths asked for. What it does not have is left out.
def nested($steps): . as $row
  | reduce ($steps[] | [.[0], .[1], $row[.[0]]] | select(.[2] != null)) as [$name, $members, $value] ({};
      .[$name] = if $members then reduce ($members[] | select($value[.] != null)) as $member ({}; .[$member] = $value[$member])
        else $value end);

# A page that came out full has a next one, which may be empty.
def asset_resources: . as $field
  | (.arguments.filters | if . == null then null else checked | parted end) as $filters
  | (.arguments | steps("assetResources"; $tables.schema.paths)) as $steps
  | (.arguments | paged($filters)) as $page
  | (if $filters == null then $tables.assets else [$tables.assets[] | select(satisfies($filters))] end) as $rows
  | ($page.from + $page.limit) as $end
  | if $page.page != "FIRST" and any($field.fields[]?; .name == "total") then
      fail("assetResources"; "The total parameter requires the FIRST page.") else . end
  | resolved($field.fields // syntax;
      if .name == "total" then $rows | length
      elif .name == "items" then [$rows[$page.from:$end][] | nested($steps)]
      elif .name == "pagination" then chosen(.; {
          limit: $page.limit, current: cursor($page.from; $filters), page: $page.page,
          next: (if ($rows | length) < $end then null else cursor($end; $filters) end)
        }; ["limit", "current", "next", "page"])
      else unsupported("assetResources.\(.name)") end);

def asset_details: . as $field
  | (.arguments.key // reject("Field \"assetDetails\" argument \"key\" of type \"String!\" is required, but it was not provided.")) as $key
  | (first($tables.assets[] | select(.key == $key)) // null) as $row
  | if $row == null then null
    else resolved($field.fields // syntax;
      .name as $name
      | if ["key", "url"] | index([$name]) then $row[$name]
        elif $tables.schema.details | has($name) then chosen(.; $row[$name]; $tables.schema.details[$name])
        else unsupported("assetDetails.\($name)") end)
    end;

# An asset that does not exist has no software either.
def softwares: . as $field
  | (.arguments.key // reject("Field \"softwares\" argument \"key\" of type \"String!\" is required, but it was not provided.")) as $key
  | (.arguments | steps("softwares"; $tables.schema.software_paths)) as $steps
  | if .arguments | keys - ["key", "fields"] != [] then unsupported("other arguments of softwares") else . end
  | ($tables.software[$key] // []) as $rows
  | resolved($field.fields // syntax;
      if .name == "total" then $rows | length
      elif .name == "items" then [$rows[] | {softwares: .} | nested($steps)]
      else unsupported("softwares.\(.name)") end);

# The query ------------------------------------------------------------------------------------------------------------------

def site:
  if .arguments.id == null then reject("Field \"site\" argument \"id\" of type \"ID!\" is required, but it was not provided.")
  elif .arguments.id != $tables.site.id then
    refuse(no_access)
  else resolved(.fields // syntax;
    if .name == "assetResources" then asset_resources
    elif .name == "assetDetails" then asset_details
    elif .name == "softwares" then softwares
    elif .name == "id" or .name == "name" then $tables.site[.name]
    else unsupported("site.\(.name)") end)
  end;

def authorized_sites: resolved(.fields // syntax;
  if .name == "sites" then [chosen(.; $tables.site; ["id", "name"])] else unsupported("authorizedSites.\(.name)") end);

def answer: try (
    query | reply(200; {data: resolved(.;
      if .name == "site" then site
      elif .name == "authorizedSites" then authorized_sites
      else unsupported(.name) end)})
  ) catch (if type == "object" and has("reply") then .reply else error end);

# More of everything, for tests of size -----------------------------------------------------------------------------------

def generated_asset: . as $n
  | ($n | padded(6)) as $digits
  | ("\(100000 + $n)-Asset-\($tables.site.installation)" | @base64) as $key
  | {
      key: $key,
      assetBasicInfo: ($tables.assets[0].assetBasicInfo + {
        name: "GEN-\($digits)", fqdn: "gen-\($digits).nexus.corp",
        ipAddress: "10.\(100 + ($n / 65536 | floor)).\($n / 256 | floor % 256).\($n % 256)",
        mac: "02:00:00:\($digits[:2]):\($digits[2:4]):\($digits[4:])",
        userName: "generated\($digits)"
      }),
      assetCustom: ($tables.assets[0].assetCustom + {serialNumber: "SNG\($digits)"}),
      operatingSystem: $tables.assets[0].operatingSystem,
      url: "https://app.lansweeper.com/nexus-corp/asset/\($key)/summary"
    };

def scaled($count): $tables | .assets += [range(1; $count + 1) | generated_asset];
