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

# In process nobody holds a secret, so nothing is compared (`checks` is false).
def token($tenant): . as $in | ($request.body // {}) as $form
  | if [$request.params.tenant | ascii_downcase] | inside([$tenant.id, $tenant.domain]) | not then
      refuse(400; "invalid_request"; 90002; "Tenant '\($request.params.tenant)' not found.")
    elif $form.grant_type != "client_credentials" then
      refuse(400; "unsupported_grant_type"; 70003; "The app requested an unsupported grant type.")
    elif $in.checks and $form.client_id != $in.secrets.ENTRA_CLIENT_ID then
      refuse(400; "unauthorized_client"; 700016; "Application with identifier was not found in the directory.")
    elif $in.checks and $form.client_secret != $in.secrets.ENTRA_CLIENT_SECRET then
      refuse(401; "invalid_client"; 7000215; "Invalid client secret provided.")
    elif [$form.scope] | inside($tenant.resources) | not then
      refuse(400; "invalid_scope"; 1002012; "The provided value for scope is not valid.")
    else
      reply(200; {token_type: "Bearer", expires_in: $in.lifetime, ext_expires_in: $in.lifetime, access_token: $in.token})
    end;
