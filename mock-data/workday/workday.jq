# How Workday answers: the staffing service v7, custom reports as web services (RaaS), and the token endpoint, as far as
# the routes beside this file need it.
#
# Where the vendor leaves a choice open, this file takes the one that is harder on the client. What the vendor supports and
# this file does not is an error of the mock upstream, never a guess.

# Replies and errors ---------------------------------------------------------------------------------------------------

def reply($status; $body): {status: $status, headers: {"content-type": "application/json", "cache-control": "no-store"}, body: $body};

# The codes of single errors are illustrations: the vendor documents their place and not their meaning.
def failure($status; $error; $errors): reply($status; {error: $error, errors: $errors});
def failure($status; $error; $code; $field): failure($status; $error; [{error: $error, code: $code}
  + if $field == null then {} else {field: $field, path: "/\($field)"} end]);

# Leaves the expression with a reply. `endpoint` catches it.
def refuse(failure): error({reply: failure});
def endpoint(answer): try answer catch (if type == "object" and has("reply") then .reply else error end);

# A report answers its errors as SOAP does, whatever form was asked for.
def fault($status; $code; $text): {status: $status, headers: {"content-type": "text/xml;charset=UTF-8"}, text: (
  "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<SOAP-ENV:Envelope xmlns:SOAP-ENV=\"http://schemas.xmlsoap.org/soap/envelope/\"><SOAP-ENV:Body>"
  + "<SOAP-ENV:Fault><faultcode>SOAP-ENV:Client.\($code)</faultcode><faultstring>\($text)</faultstring></SOAP-ENV:Fault>"
  + "</SOAP-ENV:Body></SOAP-ENV:Envelope>\n")};

def tenant: if $request.params.tenant == $tables.tenant.name then . else refuse(failure(404; "tenant not found"; "S01"; null)) end;
def permitted($what): if $tables.tenant.denied | index([$what]) then refuse(failure(403; "permission denied"; "S22"; null)) else . end;

# Query options --------------------------------------------------------------------------------------------------------

def option($key): $request.query[$key];
def invalid($key; $why): refuse(failure(400; "invalid request"; [{error: $why, code: "A1", field: $key, path: "/\($key)"}]));

def number($key; $default; $min; $max): option($key) as $text
  | if $text == null then $default
    elif $text | test("^[0-9]{1,15}$") | not then invalid($key; "\($key) is not a number")
    else ($text | tonumber) | if . >= $min and . <= $max then . else invalid($key; "\($key) is out of range") end
    end;

def switch($key): option($key) as $text
  | if $text == null then false elif $text == "true" then true elif $text == "false" then false
    else invalid($key; "\($key) is neither true nor false") end;

# One page of a list of rows, which it does not touch but for the page.
def page: . as $rows | number("limit"; 20; 1; 100) as $limit | number("offset"; 0; 0; 999999999999999) as $offset
  | reply(200; {total: ($rows | length), data: $rows[$offset:$offset + $limit]});

# Workers --------------------------------------------------------------------------------------------------------------

# Who has left, by Workday id. A staffing worker does not say it.
def gone: reduce ($tables.nexus_workers[] | select(.Worker_Status == "Terminated")) as $row ({}; .[$row.WID] = true);

def known: if switch("includeTerminatedWorkers") then . else gone as $gone | map(select($gone[.id] | not)) end;

# A word of a name, or a worker id; any of several, parted by blanks.
def searched: option("search") as $text
  | if $text == null then .
    else ($text | ascii_downcase | [splits(" +") | select(. != "")]) as $words
      | map(select((.descriptor + " " + .workerId | ascii_downcase) as $name | any($words[]; . as $word | $name | contains($word))))
    end;

# Not every tenant has a version of the service with this option.
def by_email: option("email") as $text
  | if $text == null then .
    elif $tables.tenant.email_parameter | not then invalid("email"; "email is not a parameter of this resource")
    else ($text | ascii_downcase) as $low | map(select((.person.email // "" | ascii_downcase) == $low)) end;

def workers: endpoint(tenant | permitted("workers") | $tables.workers | known | searched | by_email | page);

# An employee number names no contingent worker.
def worker: endpoint(tenant | permitted("workers") | $request.params.id as $id
  | (if $id | startswith("Employee_ID=") then ($id | ltrimstr("Employee_ID=")) as $number | first($tables.workers[] | select(.workerId == $number and .workerType.descriptor == "Employee"))
     elif $id | test("^[0-9a-f]{32}$") then first($tables.workers[] | select(.id == $id))
     else refuse(failure(400; "invalid request"; "A2"; "ID")) end)
    // refuse(failure(404; "resource not found"; "S21"; null))
  | reply(200; .));

# Only jobs that somebody holds.
def jobs: endpoint(tenant | permitted("jobs") | $tables.jobs | page);

def organizations: endpoint(tenant | permitted("supervisoryOrganizations") | $tables.supervisory_organizations
  | if switch("includeInactive") then . else map(select(.inactive | not)) end | page);

# Reports --------------------------------------------------------------------------------------------------------------

# Without a format a report answers in XML.
def report($name): if option("format") == "json" then . else error("the mock upstream has reports as JSON only") end
  | if $request.params.tenant == $tables.tenant.name and $request.params.owner == $tables.tenant.report_owner then .
    else refuse(fault(404; "authenticationError"; "Report not found")) end
  | if $tables.tenant.denied | index([$name]) then refuse(fault(403; "authenticationError"; "Access denied for \($name)")) else . end;

def no_such($id): refuse(fault(500; "validationError"; "Validation error occurred. Invalid ID value. '\($id)' is not a valid ID value for type = 'WID'"));

# An empty report has an empty list or none at all: tenants differ.
def entries: if . == [] and $tables.tenant.empty_report == "absent" then reply(200; {}) else reply(200; {Report_Entry: .}) end;

def workers_report: endpoint(report("Nexus_Workers") | $tables.nexus_workers
  | option("Worker_Status") as $status
  | if $status == null then . else map(select(.Worker_Status == $status)) end
  | option("Supervisory_Organization!WID") as $wid
  | if $wid == null then .
    else (first($tables.supervisory_organizations[] | select(.id == $wid)) // no_such($wid)).descriptor as $name
      | map(select(.Supervisory_Org == $name)) end
  | entries);

# The prompt is required, and is a Workday id: an employee number is none.
def compensation_report: endpoint(report("Nexus_Compensation") | option("Worker!WID") as $wid
  | if $wid == null then refuse(fault(500; "validationError"; "Validation error occurred. Enter a value for the required prompt Worker.")) else . end
  | (first($tables.workers[] | select(.id == $wid)) // no_such($wid)) | $tables.nexus_compensation | map(select(.WID == $wid)) | entries);

# Tokens ---------------------------------------------------------------------------------------------------------------

# In process nobody holds a secret, so nothing is compared (`checks` is false).
def token: . as $in | ($request.body // {}) as $form
  | if $request.params.tenant != $tables.tenant.name then reply(404; {error: "invalid_request"})
    elif $in.checks and $in.basic != [$in.secrets.WORKDAY_CLIENT_ID, $in.secrets.WORKDAY_CLIENT_SECRET] then reply(401; {error: "invalid_client"})
    elif $form.grant_type != "refresh_token" then reply(400; {error: "unsupported_grant_type"})
    elif $in.checks and $form.refresh_token != $in.secrets.WORKDAY_REFRESH_TOKEN then reply(400; {error: "invalid_grant"})
    else reply(200; {token_type: "Bearer", expires_in: $in.lifetime, access_token: $in.token}) end;

# More of everything, for tests of size -----------------------------------------------------------------------------------

# One in seven has left; the others share the organizations that are active.
def scaled($count):
  [$tables.supervisory_organizations[] | select(.inactive | not) | {id, descriptor}] as $organizations
  | ($organizations | length) as $n_organizations
  | $tables.workers[0].primaryJob as $job | $tables.jobs[0] as $filled
  | ($tables.nexus_workers[0] | del(.Work_Phone)) as $row | $tables.nexus_compensation[0] as $pay
  | reduce range(1; $count + 1) as $n ({workers: [], jobs: [], nexus_workers: [], nexus_compensation: []};
      ("000000" + ($n | tostring))[-6:] as $digits
      | "a70c0000000010008000000000\($digits)" as $id | "b70c0000000010008000000000\($digits)" as $job_id
      | "Generated \($digits)" as $name | "EMP-\(100000 + $n)" as $number | "generated.\($digits)@nexus.corp" as $mail
      | $organizations[$n % $n_organizations] as $organization | ($n % 7 == 0) as $left
      | {id: $id, descriptor: $name, workerId: $number, workerType: $tables.workers[0].workerType,
          person: {id: "c70c0000000010008000000000\($digits)", email: $mail}, additionalJobs: []} as $worker
      | .nexus_compensation += [$pay + {WID: $id, Employee_ID: $number}]
      | ($row + {Employee_ID: $number, WID: $id, Legal_First: "Generated", Legal_Last: $digits, Preferred_First: "Generated",
          Preferred_Last: $digits, Work_Email: $mail, Supervisory_Org: $organization.descriptor}) as $entry
      | if $left then
          .workers += [$worker] | .nexus_workers += [$entry + {Worker_Status: "Terminated", Termination_Date: "2026-03-31"}]
        else
          "\($job.businessTitle) - \($name)" as $title
          | .workers += [$worker + {primaryJob: ($job + {id: $job_id, descriptor: $title, supervisoryOrganization: $organization})}]
          | .jobs += [$filled + {id: $job_id, descriptor: $title, worker: {id: $id, descriptor: $name}, supervisoryOrganization: $organization}]
          | .nexus_workers += [$entry]
        end) as $more
  | $tables | .workers += $more.workers | .jobs += $more.jobs | .nexus_workers += $more.nexus_workers
  | .nexus_compensation += $more.nexus_compensation;
