# The token endpoint of Microsoft Entra ID, client credentials only.

def reply($status; $body): {status: $status, headers: {"content-type": "application/json; charset=utf-8", "cache-control": "no-store, no-cache"}, body: $body};

def refuse($status; $error; $code; $message): reply($status; {
  error: $error,
  error_description: "AADSTS\($code): \($message)",
  error_codes: [$code],
  timestamp: ($now | sub("T"; " ")),
  trace_id: "b6f0a2de-3c8d-4f6e-9d55-6f1d2f0c2e00",
  correlation_id: "0f9f5b0a-54a5-4c58-8f0b-4f6f0e3a7711"
});

# Applications registered with the tenant, each with a secret of its own. Two may be one: then either secret is good.
def applications: .secrets | [
  {id: .ENTRA_CLIENT_ID, secret: .ENTRA_CLIENT_SECRET},
  {id: .INTUNE_CLIENT_ID, secret: .INTUNE_CLIENT_SECRET}
];

# In process nobody holds a secret, so nothing is compared (`checks` is false).
def token($tenant): . as $in | ($request.body // {}) as $form
  | [if .checks then applications[] else empty end | select(.id == $form.client_id)] as $named
  | ($request.params.tenant | ascii_downcase) as $asked
  | if $asked != $tenant.id and $asked != $tenant.domain then
      refuse(400; "invalid_request"; 90002; "Tenant '\($request.params.tenant)' not found.")
    elif $form.grant_type != "client_credentials" then
      refuse(400; "unsupported_grant_type"; 70003; "The app requested an unsupported grant type.")
    elif $in.checks and $named == [] then
      refuse(400; "unauthorized_client"; 700016; "Application with identifier was not found in the directory.")
    elif $in.checks and (any($named[]; .secret == $form.client_secret) | not) then
      refuse(401; "invalid_client"; 7000215; "Invalid client secret provided.")
    elif any($tenant.resources[]; . == $form.scope) | not then
      refuse(400; "invalid_scope"; 1002012; "The provided value for scope is not valid.")
    else
      reply(200; {token_type: "Bearer", expires_in: $in.lifetime, ext_expires_in: $in.lifetime, access_token: $in.token})
    end;
