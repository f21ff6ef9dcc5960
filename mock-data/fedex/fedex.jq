# How the FedEx REST APIs answer: tokens, Basic Integrated Visibility (Track), Address Validation, Rates and Transit Times.
#
# Where the vendor leaves a choice open, this file takes the one that is harder on the client. What the vendor supports and
# this file does not is an error of the mock upstream, never a guess.

# Replies and errors ---------------------------------------------------------------------------------------------------

# The client's own id of a transaction is given back.
def transaction:
  {transactionId: "624deea6-b709-470c-8c39-4b5511281492"}
  + ($request.headers["x-customer-transaction-id"] as $id | if $id then {customerTransactionId: $id} else {} end);

def reply($status; $body): {status: $status, headers: {"content-type": "application/json"}, body: (transaction + $body)};
def output($output): reply(200; {output: $output});
def failure($status; $code; $message): reply($status; {errors: [{code: $code, message: $message}]});

# Leaves the expression with an error reply. `endpoint` catches it.
def refuse($status; $code; $message): error({reply: failure($status; $code; $message)});
def invalid: refuse(400; "INVALID.INPUT.EXCEPTION"; "Invalid field value in the input");
def endpoint(answer): try answer catch (if type == "object" and has("reply") then .reply else error end);

def alert($code; $message): {code: $code, alertType: "NOTE", message: $message};

# A member that this file does not know would be an option ignored.
def only($names): (keys - $names) as $odd | if $odd == [] then . else error("the mock upstream does not know \($odd)") end;

# The body, which says that it is JSON. A project must have the API added to it.
def asked($api):
  if $tables.project.apis[$api] | not then
    refuse(403; "FORBIDDEN.ERROR"; "We could not authorize your credentials. Please check your permissions and try again.")
  elif ($request.headers["content-type"] // "") | startswith("application/json") | not then
    refuse(415; "UNSUPPORTED.MEDIA.TYPE"; "Unsupported media type.")
  elif $request.body | type != "object" then invalid
  else $request.body end;

# Tokens ---------------------------------------------------------------------------------------------------------------

# In process nobody holds a secret, so nothing is compared (`checks` is false).
def token: . as $in | ($request.body // {}) as $form
  | if $form.grant_type != "client_credentials" then
      failure(400; "BAD.REQUEST.ERROR"; "The grant type is not supported.")
    elif $in.checks and ($form.client_id != $in.secrets.FEDEX_API_KEY or $form.client_secret != $in.secrets.FEDEX_API_SECRET) then
      failure(401; "NOT.AUTHORIZED.ERROR"; "The given client credentials were not valid. Please modify your request and try again.")
    else {status: 200, body: {access_token: $in.token, token_type: "bearer", expires_in: $in.lifetime, scope: "CXS"}} end;

# Track ----------------------------------------------------------------------------------------------------------------

# A number that was used twice has two results, and one that nobody has used has an error instead of a result. Numbers of
# `data_not_found` have no entry at all, and an alert says so. Scans come in the order of the table, which is that of the
# clocks on the wall; without details only the latest comes.
def tracked($number; $details): [$tables.shipments[] | select(.number == $number) | .result
    | if $details then . else .scanEvents |= .[:1] end]
  | if . == [] then [{
      trackingNumberInfo: {trackingNumber: $number, trackingNumberUniqueId: "", carrierCode: ""},
      error: {
        code: "TRACKING.TRACKINGNUMBER.NOTFOUND",
        message: "Tracking number cannot be found. Please correct the tracking number and try again."
      }
    }] else . end
  | {trackingNumber: $number, trackResults: .};

def track: endpoint(asked("track") | only(["includeDetailedScans", "trackingInfo"])
  | if .includeDetailedScans | type != "boolean" then invalid else . end
  | .includeDetailedScans as $details
  | [.trackingInfo[]? | only(["trackingNumberInfo"]) | .trackingNumberInfo | only(["trackingNumber"]) | .trackingNumber // ""]
  | if . == [] or any(.[]; . == "") then refuse(400; "TRACKING.TRACKINGNUMBER.EMPTY"; "Please provide tracking number.")
    elif length > 30 or any(.[]; type != "string") then invalid
    elif length != (unique | length) then error("the mock upstream does not know what becomes of a number that is asked twice")
    else . end
  | (. - (. - $tables.project.data_not_found)) as $missing
  | output(
      (if . == $missing then {} else {completeTrackResults: [(. - $missing)[] | tracked(.; $details)]} end)
      + (if $missing == [] then {} else {alerts: [alert("TRACKING.DATA.NOTFOUND"; "Tracking data unavailable")]} end)));

# Address Validation -----------------------------------------------------------------------------------------------------

# Addresses are compared without regard to case and punctuation, by street and the first five digits of the postal code.
def plain: ascii_upcase | gsub("[.,#]"; " ") | gsub(" +"; " ") | gsub("^ | $"; "");

# What the vendor says of an address that it cannot match: the input back, and attributes that deny it.
def unmatched($type; $supported): {
  clientReferenceId: "None",
  streetLinesToken: (.streetLines | map(plain)), city: (.city // "" | plain), stateOrProvinceCode: (.stateOrProvinceCode // ""),
  postalCode: (.postalCode // ""), parsedPostalCode: {base: (.postalCode // "")}, countryCode: .countryCode,
  classification: "UNKNOWN", ruralRouteHighwayContract: false, generalDelivery: false, customerMessages: [],
  normalizedStatusNameDPV: false, standardizedStatusNameMatchSource: "Postal", resolutionMethodName: "GENERIC_VALIDATE",
  attributes: {
    POBox: "false", POBoxOnlyZIP: "false", SplitZIP: "false", SuiteRequiredButMissing: "false", InvalidSuiteNumber: "false",
    ResolutionInput: "RAW_ADDRESS", DPV: "false", ResolutionMethod: "GENERIC_VALIDATE", DataVintage: "May 2026", MatchSource: "Postal",
    CountrySupported: ($supported | tostring), ValidlyFormed: "true", Matched: "false", Resolved: "false", Inserted: "false",
    MultiUnitBase: "false", ZIP11Match: "false", ZIP4Match: "false", UniqueZIP: "false", StreetAddress: "false",
    RRConversion: "false", ValidMultiUnit: "false", AddressType: $type, MultipleMatches: "false"
  }
};

# The reference data of the mock world is of one country.
def resolved: only(["streetLines", "city", "stateOrProvinceCode", "postalCode", "countryCode"])
  | if (.streetLines | type != "array") or (.streetLines | length > 3) or (.countryCode // "" | test("^[A-Z]{2}$") | not) then invalid
    else . end
  | (.streetLines | join(" ") | plain) as $street | (.postalCode // "" | .[:5]) as $postal
  | if .countryCode != "US" then unmatched("RAW"; false)
    else first($tables.addresses[] | select(.postal == $postal and any(.streets[]; . == $street))) // unmatched("NORMALIZED"; true) end
  | if .refused then refuse(400; "STANDARDIZED.ADDRESS.NOTFOUND"; "Standardized address is not found.")
    elif .resolved then .resolved
    else . end;

def resolve: endpoint(asked("address") | only(["addressesToValidate"]) | .addressesToValidate
  | if (type != "array") or (length < 1) or (length > 100) then invalid else . end
  | output({resolvedAddresses: [.[] | only(["address"]) | .address | resolved]}));

# Rates and Transit Times ------------------------------------------------------------------------------------------------

def cents: . * 100 | round / 100;

# Zones 2 to 8, one for each hundred between the first three digits of the two postal codes.
def zone($from; $to): ([$from, $to] | map(.[:3] | tonumber)) as [$a, $b] | [8, 2 + (($a - $b) | fabs / 100 | floor)] | min;

# What is on the list: base, and an amount for each begun pound, both a seventh more with each zone, and 9 % for fuel. The
# account pays 82 % of the list.
def charge($pounds; $zone): (.base + .per_lb * ($pounds | ceil)) * (1 + ($zone - 2) / 7) | {base: cents, fuel: (. * 0.09 | cents)};

def rated($type; $share; $zone; $pounds): charge($pounds; $zone)
  | {base: (.base * $share | cents), fuel: (.fuel * $share | cents)} | (.base + .fuel | cents) as $total
  | {
      rateType: $type, ratedWeightMethod: "ACTUAL", totalDiscounts: 0, totalBaseCharge: .base, totalNetCharge: $total,
      totalVatCharge: 0, totalNetFedExCharge: $total, totalDutiesAndTaxes: 0, totalNetChargeWithDutiesAndTaxes: $total,
      shipmentRateDetail: {
        rateZone: "0\($zone)", dimDivisor: 0, fuelSurchargePercent: 9, totalSurcharges: .fuel, totalFreightDiscount: 0,
        surCharges: [{type: "FUEL", description: "Fuel Surcharge", amount: .fuel}],
        totalBillingWeight: {units: "LB", value: ($pounds | ceil)}, currency: "USD"
      },
      currency: "USD"
    };

# The day after so many working days, and its name. Day 0 of the count was a Thursday.
def weekday: (. + 4) % 7;
def working_days_on($count): if $count == 0 then . else . + 1
  | working_days_on($count - if weekday == 0 or weekday == 6 then 0 else 1 end) end;
def today: ($now[:10] + "T00:00:00Z" | fromdate) / 86400 | floor;

# The moment is told by the clock of the destination, without its offset. Economy parcels have no commitment.
def commitment: .days as $days | if $days == null then {} else (today | working_days_on($days)) as $day
  | {commit: {
      dateDetail: {
        dayOfWeek: (["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"] | .[$day | weekday]),
        dayFormat: "\($day * 86400 | todate | .[:10])T\(.time)"
      },
      transitDays: {minimumTransitTime: .transitTime, description: "\($days) Business Day\(if $days == 1 then "" else "s" end)"},
      saturdayDelivery: false
    }} end;

def postal: only(["address"]) | .address | only(["postalCode", "countryCode"])
  | if .countryCode != "US" then
      refuse(400; "RATE.LOCATION.NOSERVICE"; "FedEx does not offer service to the requested location.")
    elif .postalCode // "" | test("^[0-9]{5}(-[0-9]{4})?$") | not then invalid
    else .postalCode end;

def pounds: only(["weight"]) | .weight | only(["units", "value"])
  | if .units != "LB" then error("the mock upstream weighs in pounds")
    elif (.value | type != "number") or .value <= 0 or .value > 150 then invalid
    else .value end;

def quotes: endpoint(asked("rate") | only(["accountNumber", "rateRequestControlParameters", "requestedShipment"])
  | if .accountNumber.value != $tables.project.account then
      refuse(400; "ACCOUNT.NUMBER.MISMATCH";
        "When payment Type is SENDER, ShippingChargesPayment Payor AccountNumber should match the shipper account number.")
    else . end
  | (.rateRequestControlParameters // {} | only(["returnTransitTimes"]) | .returnTransitTimes == true) as $timed
  | .requestedShipment
  | only(["shipper", "recipient", "pickupType", "rateRequestType", "requestedPackageLineItems"])
  | if .pickupType != "DROPOFF_AT_FEDEX_LOCATION" then error("the mock upstream knows drop-off only") else . end
  | .rateRequestType as $types
  | if ($types | type != "array") or $types == [] or ($types - ["ACCOUNT", "LIST"]) != [] then invalid else . end
  | (.shipper | postal) as $from | (.recipient | postal) as $to
  | (.requestedPackageLineItems | if length == 1 then .[0] | pounds else error("the mock upstream rates one package") end) as $pounds
  | zone($from; $to) as $zone
  | if any($tables.project.no_service_prefixes[]; . as $prefix | $from | startswith($prefix)) then
      output({rateReplyDetails: [], quoteDate: $now[:10],
        alerts: [alert("ORIGINZIPCODE.SERVICE.ERROR"; "Service is not available from the origin postal code.")]})
    else
      output({
        rateReplyDetails: [$tables.services[] | {
            serviceType: .id, serviceName, packagingType: "YOUR_PACKAGING",
            ratedShipmentDetails: [
              ({ACCOUNT: 0.82, LIST: 1} | to_entries[] | select([.key] - $types == [])) as $kind
              | rated($kind.key; $kind.value; $zone; $pounds)
            ],
            operationalDetail: ({ineligibleForMoneyBackGuarantee: (.days == null)} + if $timed and .transitTime then {transitTime} else {} end),
            signatureOptionType: "SERVICE_DEFAULT"
          } + if $timed then commitment else {} end],
        quoteDate: $now[:10], encoded: false
      })
    end);
