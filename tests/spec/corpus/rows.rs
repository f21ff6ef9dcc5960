//! The table itself: each attempt, what holds it, its ending, and its control.

use super::row::{Ask, Row, fails, listed, out, out_unless, told};

const FOR_EVER: u64 = 1_000_000_000_000;

const CPU: &str = "`limits.cpu`";
const DEADLINE: &str = "`limits.deadline`";
const CPU_OR_DEADLINE: &str = "`limits.cpu` and `limits.deadline`";
const MEMORY_LIMIT: &str = "`limits.memory`";
const SHORT: &[(&str, &str)] = &[("deadline = \"60s\"", "deadline = \"2s\"")];
/// Time enough for a busy machine, where the limit on time is not what is tried.
const PATIENT: &[(&str, &str)] = &[("cpu = \"1s\"", "cpu = \"30s\"")];
const EITHER: &[&str] = &["cpu", "deadline"];

pub(super) fn all() -> impl Iterator<Item = &'static Row> {
    [TIME, MEMORY, LOADING, ABI, RESULTS, FLOODS, HOLDING, MACHINE, REACH, SECRETS, OTHERS].into_iter().flatten()
}

pub(super) const TIME: &[Row] = &[
    fails("time-loop", "counts without end", CPU, FOR_EVER, &["cpu"], (1000, "counted")),
    fails("time-clock", "looks at the clock without end", CPU_OR_DEADLINE, FOR_EVER, EITHER, (1, "waited")).with(SHORT),
    fails("time-poll", "waits in the host for years", DEADLINE, FOR_EVER, &["deadline"], (1, "waited")).with(SHORT),
    fails("time-poll-spin", "waits without end for what is there", CPU_OR_DEADLINE, FOR_EVER, EITHER, (3, "waited"))
        .with(SHORT),
    fails("time-random", "calls the host without pause", CPU_OR_DEADLINE, FOR_EVER, EITHER, (3, "asked")).with(SHORT),
    told("time-stdin", "waits for what somebody types", "no standard input", 1, "nothing", (0, "nothing")),
    fails("raw-fill", "writes 8 MiB in one instruction, without end", CPU, 1, &["cpu"], (0, "answered")),
    fails("raw-copy", "moves 8 MiB in one instruction, without end", CPU, 1, &["cpu"], (0, "answered")),
    fails("raw-table-fill", "fills a table in one instruction, without end", CPU, 1, &["cpu"], (0, "answered")),
    fails("raw-realloc-loop", "does not come back when asked for room", CPU, 1, &["cpu"], (0, "cpu")),
    fails("raw-post-return-loop", "does not come back once its result is read", CPU, 1, &["cpu"], (0, "cpu")),
];

pub(super) const MEMORY: &[Row] = &[
    fails("memory-heap", "takes 64 MiB and writes to them", MEMORY_LIMIT, 64, &["memory"], (4, "taken")),
    told("memory-zeroed", "reserves 2 GiB without touching them", MEMORY_LIMIT, 2048, "refused", (4, "taken")),
    fails(
        "memory-recursion",
        "calls itself without end",
        "the guest's own memory ends",
        FOR_EVER,
        &["trap"],
        (100, "came back"),
    ),
    fails(
        "memory-random",
        "wants 1 MiB of random bytes at once",
        "a limit on random bytes",
        1 << 20,
        &["trap"],
        (32, "given"),
    ),
    fails(
        "raw-stack",
        "calls itself without end and without memory",
        "a stack of 512 KiB",
        1,
        &["stack"],
        (0, "answered"),
    ),
    told("raw-memory-grow", "wants 4 GiB", MEMORY_LIMIT, 1, "refused", (0, "answered")),
    told("raw-table-grow", "wants a table of 100 million elements", MEMORY_LIMIT, 1, "refused", (0, "answered")),
    out("raw-table-huge", "has a table of 10 million elements", "65,536 elements", "", HONEST),
    out("raw-tables", "has 40 tables", "tables of a module", "", ("raw-tables-few", "answered")),
    out("raw-memory-huge", "has 4 GiB from the start", MEMORY_LIMIT, "", HONEST),
    out("raw-memory-min", "has a page more than its limit from the start", MEMORY_LIMIT, "", HONEST),
    out("raw-memories", "has 16 memories", "memories of a module", "", HONEST),
];

const ROOMY: &[(&str, &str)] = &[("memory = \"16MiB\"", "memory = \"256MiB\""), ("cpu = \"1s\"", "cpu = \"30s\"")];
const IMPORTS: &str = "imports are read from the binary";
const NO_ARTIFACTS: &[(&str, &str)] =
    &[("[artifacts]\nmedia-types = [\"text/plain\"]\nbytes = \"1KiB\"\ncount = 4\n", "")];
const HONEST: (&str, &str) = ("raw-honest", "answered");
const HONEST_LIST: (&str, &str) = ("list-some", "served");

pub(super) const LOADING: &[Row] = &[
    out("raw-start-loop", "does not come back from being started", CPU, "tools cannot be listed", HONEST),
    out("raw-start-trap", "dies in being started", "a trap is an ending", "tools cannot be listed", HONEST),
    out("raw-start-memory", "takes memory in being started", MEMORY_LIMIT, "tools cannot be listed", HONEST),
    out("raw-data-beyond", "has data beyond its memory", "a trap is an ending", "tools cannot be listed", HONEST),
    out("raw-secrets", "imports what shows secrets", IMPORTS, "does not serve", HONEST),
    told("raw-data-many", "has 50,000 segments of data", "they are bytes of the component", 1, "answered", ANSWERS),
    told("raw-functions", "has 20,000 functions", "compiling is off the calls' way", 1, "answered", ANSWERS),
    told("raw-locals", "has a function with 40,000 locals", "a stack of 512 KiB", 1, "answered", ANSWERS),
    out_unless("host-port", "imports what its manifest does not grant", IMPORTS, "does not grant", (&[], "200"))
        .with(NO_ARTIFACTS),
    out("list-loop", "counts without end instead of listing", CPU, "tools cannot be listed", HONEST_LIST),
    out("list-trap", "dies instead of listing", "a trap is an ending", "tools cannot be listed", HONEST_LIST),
    out("list-eat", "takes memory without end instead of listing", MEMORY_LIMIT, "tools cannot be listed", HONEST_LIST),
    out("list-none", "lists nothing", "a shard has a tool", "lists no tools", HONEST_LIST),
    out("list-twice", "lists a tool twice", "one table of tools", "is listed twice", HONEST_LIST),
    out("list-others", "lists another shard's tool", "`tools-prefix`", "tools-prefix", HONEST_LIST),
    out("list-name", "lists a name with a line in it", "the pattern of names", "", HONEST_LIST),
    out("list-no-json", "has a schema that is no JSON", "schemas are read at load", "input-schema", HONEST_LIST),
    out("list-no-schema", "has JSON that is no schema", "schemas are read at load", "", HONEST_LIST),
    out("list-remote", "has a schema that lies elsewhere", "local references alone", "", ("list-tree", "served")),
    out("list-sleep", "waits an hour instead of listing", DEADLINE, "tools cannot be listed", HONEST_LIST),
    out("list-many", "lists 200,000 tools", "tools of a shard", "", HONEST_LIST).with(ROOMY),
    out("list-long", "has a description of 4 MiB", "text of a tool", "", HONEST_LIST),
    out("list-circle", "has a schema that leads to itself", "work of a schema", "", ("list-tree", "served")),
    out("list-fan", "has a schema of 2 kB that is 16 million", "work of a schema", "", ("list-tree", "served")),
    out("list-holding", "fills 200 bodies while it lists", MEMORY_LIMIT, "tools cannot be listed", HONEST_LIST),
    listed(
        "list-asking",
        "sends requests while it lists",
        "no grant is in force before approval",
        "0 requests were answered.",
        HONEST_LIST,
    ),
    out("raw-list-length", "lists half a billion tools", "bounds of memory", "tools cannot be listed", HONEST),
    out("raw-list-no-utf8", "lists a text that is no UTF-8", "strings are checked", "tools cannot be listed", HONEST),
];

pub(super) const ABI: &[Row] = &[
    fails("raw-result-beyond", "has its result beyond its memory", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-result-odd", "has its result at an odd address", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-result-tag", "has a result that is neither ok nor error", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-content-tag", "has a block of no kind", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-text-beyond", "has a text of 4 GiB", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-text-no-utf8", "has a text that is no UTF-8", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-list-beyond", "has half a billion notes", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-alias", "has 4,096 blocks of one text of 256 KiB", "64 MiB to one host call", 1, ALIAS, ANSWERS),
    fails(
        "raw-alias-request",
        "has 4,096 headers of one text of 256 KiB",
        "64 MiB to one host call",
        1,
        ALIAS,
        ANSWERS,
    ),
    fails("raw-request-beyond", "asks for an address beyond its memory", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-request-no-utf8", "asks for an address that is no UTF-8", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-request-reply-beyond", "wants its reply beyond its memory", ABI_CHECK, 1, TRAP, ANSWERS),
    fails("raw-handle", "uses a handle that it was never given", "handles are the host's table", 1, TRAP, ANSWERS)
        .with(WITH_DIRECTORY),
    fails("raw-realloc-trap", "dies when asked for room", "a trap is an ending", 1, TRAP, (0, "trap")),
    fails("raw-realloc-beyond", "gives room beyond its memory", ABI_CHECK, 1, TRAP, (0, "trap")),
    told("raw-realloc-same", "gives the same room twice", "it is its own memory", 1, "answered", ANSWERS),
    fails("raw-call-null", "calls a function that is not there", "a trap is an ending", 1, TRAP, ANSWERS),
    fails("raw-read-beyond", "reads beyond its memory", "bounds of memory", 1, TRAP, ANSWERS),
    fails("raw-divide", "divides by nothing", "a trap is an ending", 1, TRAP, ANSWERS),
];

const ABI_CHECK: &str = "the canonical ABI checks all that crosses";
const TRAP: &[&str] = &["trap"];
const ALIAS: &[&str] = &["trap", "memory", "output-too-large"];
const ANSWERS: (u64, &str) = (0, "answered");
const WITH_DIRECTORY: &[(&str, &str)] = &[(
    "[limits]",
    "[[directory]]\nname = \"ad\"\nhost = \"dc1.nexus.corp\"\nbases = [\"OU=Users,DC=nexus,DC=corp\"]\nscopes = [\"subtree\"]\n\
     attributes = [\"cn\"]\nfilter-attributes = [\"cn\"]\ncredential = \"ad\"\n\n[credential.ad]\nkind = \"bind\"\n\
     username = \"secret:AD_USER\"\npassword = \"secret:AD_PASSWORD\"\n\n[limits]",
)];

const OUTPUT_BYTES: &str = "`limits.output-bytes`";
const TOO_LARGE: &[&str] = &["output-too-large"];
const IS_JSON: &str = "a result is JSON";
const INTERNAL: &[&str] = &["internal"];
const FITS: (u64, &str) = (0, "fits");
const SCHEMA: &str = "the tool's `output-schema`";

pub(super) const RESULTS: &[Row] = &[
    fails("say-much", "returns 2 MB", OUTPUT_BYTES, 2_000_000, TOO_LARGE, (3, "xxx")),
    fails("say-notes", "returns 200,000 notes without a letter", OUTPUT_BYTES, 200_000, TOO_LARGE, (3, "said")),
    fails("say-blocks", "returns 100,000 blocks without a letter", OUTPUT_BYTES, 100_000, TOO_LARGE, (3, "said")),
    fails("say-media-type", "returns a media type of 2 MB", OUTPUT_BYTES, 2_000_000, TOO_LARGE, (3, "said")),
    fails("say-error", "fails with a text of 4 MB", OUTPUT_BYTES, 4_000_000, ERROR, (0, "no error")),
    fails("say-wide", "returns 300,000 empty lists side by side", "nodes of JSON", 300_000, TOO_LARGE, (10, "wide")),
    fails("raw-notes", "returns a million notes without a letter", OUTPUT_BYTES, 1, TOO_LARGE, ANSWERS),
    fails("ask-many", "asks 20,000 questions", OUTPUT_BYTES, 20_000, TOO_LARGE, (1, "asked")),
    fails("ask-state", "asks with a state of 4 MB", OUTPUT_BYTES, 4_000_000, TOO_LARGE, (0, "no question")),
    fails("prompt-long", "fills in a prompt of 4 MiB", OUTPUT_BYTES, 1, TOO_LARGE, (0, "honest")).asked_by(Ask::Prompt),
    fails("document-long", "reads a document of 4 MiB", OUTPUT_BYTES, 1, TOO_LARGE, (0, "honest"))
        .asked_by(Ask::Document),
    fails("say-no-json", "returns data that is never closed", IS_JSON, 1, INTERNAL, FITS),
    fails("say-more-json", "returns two values", IS_JSON, 1, INTERNAL, FITS),
    fails("say-surrogate", "returns half a character", IS_JSON, 1, INTERNAL, FITS),
    fails("say-misfit", "returns a number for a text", SCHEMA, 1, &["output-misfit"], FITS),
    fails("say-no-object", "returns a list for an object", SCHEMA, 1, &["output-misfit"], FITS),
    fails("say-deep", "returns 100,000 lists in each other", "depth of JSON", 100_000, DEEP, (10, "deep")),
    fails("say-number", "returns a number beyond all bounds", "numbers are kept or refused", 1, NUMBER, FITS),
    fails("ask-schema", "asks a question whose schema is no JSON", IS_JSON, 1, NUMBER, (0, "asked")),
    fails("prompt-loop", "does not come back from a prompt", CPU, 1, &["cpu"], (0, "honest")).asked_by(Ask::Prompt),
    fails("document-loop", "does not come back from a document", CPU, 1, &["cpu"], (0, "honest"))
        .asked_by(Ask::Document),
    out("prompt-prefix", "offers a prompt in another shard's name", "`tools-prefix`", "tools-prefix", HONEST_LIST),
    out("document-host", "offers a document in the host's name", "the host's own URIs", "nexus:", HONEST_LIST),
];

/// The code stays, its text is cut; or the whole is too large.
const ERROR: &[&str] = &["internal", "output-too-large"];
const DEEP: &[&str] = &["internal", "output-misfit", "output-too-large"];
const NUMBER: &[&str] = &["internal", "output-misfit"];

pub(super) const FLOODS: &[Row] = &[
    told("flood-log", "logs 10,000 lines", "200 lines of a call", 10_000, "logged", (1, "logged")).with(PATIENT),
    told("flood-log-long", "logs a line of 64 KiB", "2,000 characters of a line", 64, "logged", (1, "logged")),
    told(
        "flood-log-forged",
        "logs a line that would be several, and the host's",
        "lines are cleaned",
        1,
        "logged",
        (0, "logged"),
    ),
    told(
        "flood-progress",
        "reports progress 100,000 times",
        "64 reports wait, no more",
        100_000,
        "reported",
        (1, "reported"),
    )
    .with(PATIENT),
    told("flood-stdout", "prints 10,000 lines", "200 lines of a call", 10_000, "printed", (1, "printed")).with(PATIENT),
    told(
        "flood-stdout-unended",
        "prints 4 MiB in one line",
        "2,000 characters of a line",
        4096,
        "printed",
        (1, "printed"),
    )
    .with(PATIENT),
    told("flood-refused", "asks 1,000 times for what it may not", "grants", 1000, "0 answered", (0, "0 answered"))
        .with(PATIENT),
    told(
        "flood-malformed",
        "asks 1,000 times for what nobody can read",
        "one reading",
        1000,
        "0 answered",
        (0, "0 answered"),
    )
    .with(PATIENT),
    told(
        "flood-granted",
        "asks 50 times for what it may",
        "`limits.egress-calls`",
        50,
        "8 answered",
        (4, "4 answered"),
    )
    .with(PATIENT),
];

const FULL: &[&str] = &["trap", "memory"];
const TABLE: &str = "a limit on resources";
const HELD: (u64, &str) = (4, "held");

pub(super) const HOLDING: &[Row] = &[
    fails("hold-requests", "makes 5,000 requests that it never sends", TABLE, 5000, FULL, HELD),
    fails("hold-bodies", "fills 200 bodies that it never sends", MEMORY_LIMIT, 200, FULL, HELD),
    fails("hold-fields", "makes 5,000 lists of fields", TABLE, 5000, FULL, HELD),
    fails("hold-pollables", "makes 5,000 things to wait for", TABLE, 5000, FULL, HELD),
    fails("hold-streams", "opens standard output 5,000 times", TABLE, 5000, FULL, HELD),
    fails("hold-field-bytes", "puts 500 KiB into one list of fields", "a limit on fields", 500, FULL, HELD),
    told("hold-responses", "keeps the replies to 50 requests unread", "`limits.egress-calls`", 50, "refused", HELD),
    fails("hold-unfinished", "never ends a request's body", DEADLINE, 1, &["deadline"], (0, "answered")).with(SHORT),
    fails("hold-subscribed", "waits for 50 things that never come", DEADLINE, 50, &["deadline"], (0, "came"))
        .with(SHORT),
];

const NOT_GIVEN: &str = "nothing is given to guests";
const NONE_SEEN: (u64, &str) = (0, "0 seen");
const NO_SOCKETS: &str = "no sockets but the host's own";

pub(super) const MACHINE: &[Row] = &[
    told("see-environment", "reads the host's variables", NOT_GIVEN, 1, "0 seen", NONE_SEEN),
    told("see-arguments", "reads the host's command line and folder", NOT_GIVEN, 1, "0 seen", NONE_SEEN),
    told("see-folders", "looks for open folders", NOT_GIVEN, 1, "0 seen", NONE_SEEN),
    told("see-stdin", "reads the host's standard input", NOT_GIVEN, 1, "0 seen", NONE_SEEN),
    told("see-terminal", "looks for a terminal", NOT_GIVEN, 1, "0 seen", NONE_SEEN),
    // The mock world's hour; the control asks for another.
    told(
        "see-clock",
        "reads the machine's clock in mock mode",
        "the mock world's clock",
        MOCK_HOUR,
        "that hour",
        (0, "another hour"),
    ),
    fails("see-exit", "ends the program", "it ends its instance", 1, &["trap"], (0, "still there")),
    told("reach-tcp", "connects to this machine", NO_SOCKETS, 22, "access-denied", (1, "access-denied")),
    told("reach-listen", "waits for connections", NO_SOCKETS, 1, "access-denied", (0, "access-denied")),
    told("reach-udp", "opens a UDP socket", NO_SOCKETS, 1, "access-denied", (0, "access-denied")),
    told("reach-name", "asks the resolver for a name", NO_SOCKETS, 1, LOOKUP, (0, LOOKUP)),
];

const MOCK_HOUR: u64 = 1_781_514_000;
const LOOKUP: &str = "permanent-resolver-failure";

const GRANTS: &str = "grants";
const ONE_READING: &str = "a request has one reading";
const HOSTS_HEADER: &str = "headers that are the host's";
const SENT: (u64, &str) = (0, "200");

pub(super) const REACH: &[Row] = &[
    told("host-suffix", "asks a host that begins as a granted one", GRANTS, 1, "not-granted", SENT),
    told("host-userinfo", "writes the granted host before an @", ONE_READING, 1, "malformed", SENT),
    told("host-letters", "writes a Cyrillic letter in the host", GRANTS, 1, "malformed", SENT),
    told("host-wide", "writes the host with wide full stops", ONE_READING, 1, "malformed", SENT),
    told("host-address", "asks an address of this machine", GRANTS, 1, "not-granted", SENT),
    told("host-mapped", "asks the cloud's metadata, as IPv6", ONE_READING, 1, "malformed", SENT),
    told("host-number", "writes an address as one number", ONE_READING, 1, "malformed", SENT),
    told("host-port", "asks another port", GRANTS, 1, "not-granted", SENT),
    told("host-plain", "asks without TLS", GRANTS, 1, "malformed", SENT),
    told("host-backslash", "writes a backslash before the host", ONE_READING, 1, "malformed", SENT),
    told("host-token", "asks the token endpoint of its credential", GRANTS, 1, "not-granted", SENT),
    told("path-dots", "goes up by dots", ONE_READING, 1, "malformed", SENT),
    told("path-encoded", "goes up by escaped dots", ONE_READING, 1, "malformed", SENT),
    told("path-other", "asks for another path", GRANTS, 1, "not-granted", SENT),
    told("path-slashes", "writes a slash twice", ONE_READING, 1, "malformed", SENT),
    told("query-other", "asks with another key", GRANTS, 1, "not-granted", SENT),
    told("query-twice", "asks with a key twice", ONE_READING, 1, "malformed", SENT),
    told("method-other", "deletes", GRANTS, 1, "not-granted", SENT),
    told("method-trace", "asks for its own request back", ONE_READING, 1, "malformed", SENT),
    told("method-smuggled", "writes a second request into the method", ONE_READING, 1, "malformed", SENT),
    told("header-host", "sets `Host`", HOSTS_HEADER, 1, "malformed", SENT),
    told("header-authorization", "sets `Authorization`", HOSTS_HEADER, 1, "malformed", SENT),
    told("header-cookie", "sets `Cookie`", HOSTS_HEADER, 1, "malformed", SENT),
    told("header-connection", "sets `Connection`", HOSTS_HEADER, 1, "malformed", SENT),
    told("header-framing", "sets `Transfer-Encoding`", HOSTS_HEADER, 1, "malformed", SENT),
    told("header-override", "sets `X-HTTP-Method-Override`", HOSTS_HEADER, 1, "malformed", SENT),
    told("header-lines", "writes a second header into a value", ONE_READING, 1, "malformed", SENT),
    told("header-many", "sets 100 headers", "64 headers", 100, "malformed", (10, "200")),
    told("wasi-host", "asks another host by `wasi:http`", GRANTS, 1, "denied", SENT),
    told("wasi-header", "sets `Host` by `wasi:http`", HOSTS_HEADER, 1, "header refused", SENT),
];

const SCAN: &str = "the scan for leaks";

pub(super) const SECRETS: &[Row] = &[
    told("secret-other", "names another shard's credential", "credentials of the manifest", 1, "not-granted", SENT),
    told("secret-path", "sends a secret in a path, in base64", SCAN, 1, "leak", SENT),
    told("secret-query", "sends a secret in a query", SCAN, 1, "leak", SENT),
    told("secret-header", "sends a secret in a header", SCAN, 1, "leak", SENT),
    told("secret-base64", "sends a secret in base64", SCAN, 1, "leak", SENT),
    told("secret-hex", "sends a secret in hexadecimal digits", SCAN, 1, "leak", SENT),
    told("secret-escaped", "sends a secret escaped twice", SCAN, 1, "leak", SENT),
    told("secret-peer", "hands a secret to another shard's tool", SCAN, 1, "leak", (0, "answered")),
    told("secret-artifact", "keeps a secret in an artifact", SCAN, 1, "leak", (0, "kept")),
    told("secret-split", "keeps a secret in two strings of JSON", SCAN, 1, "leak", (0, "kept")),
    told("secret-result", "returns a secret", "redaction", 1, "[redacted:secret]", (0, "harmless")),
    told("secret-log", "logs a secret, as it is and in base64", "redaction", 1, "logged", (0, "logged")),
];

const NAME: &str = "names of artifacts";
const KEPT: (u64, &str) = (0, "kept");
const PEERS: &str = "`[peers]`";
const PEER: (u64, &str) = (0, "answered");

pub(super) const OTHERS: &[Row] = &[
    told("peer-undeclared", "calls a tool that its manifest does not name", PEERS, 1, "not-granted", PEER),
    told("peer-missing", "calls a tool that nobody serves", "the table of tools", 1, "refused", PEER),
    told("peer-self", "calls itself", PEERS, 1, "not-granted", PEER),
    told("peer-host", "asks the host what is on record", PEERS, 1, "not-granted", PEER),
    told("peer-no-json", "calls with arguments that are no JSON", "arguments are an object", 1, "malformed", PEER),
    told("peer-flood", "calls 50 times", "`peers.calls`", 50, "4 answered", (2, "2 answered")),
    told("keep-above", "keeps a file above its folder", NAME, 1, "malformed", KEPT),
    told("keep-absolute", "keeps a file at an absolute path", NAME, 1, "malformed", KEPT),
    told("keep-nul", "keeps a name with a NUL", NAME, 1, "malformed", KEPT),
    told("keep-hidden", "keeps a hidden file", NAME, 1, "malformed", KEPT),
    told("keep-version", "keeps a name that is another's version", NAME, 1, "malformed", KEPT),
    told("keep-long", "keeps a name of 101 characters", NAME, 1, "malformed", KEPT),
    told("keep-type", "keeps a page that a browser runs", "`artifacts.media-types`", 1, "not-granted", KEPT),
    told("keep-large", "keeps 4 KiB", "`artifacts.bytes`", 4096, "over-budget", (16, "kept")),
    told("keep-many", "keeps 50 files", "`artifacts.count`", 50, "4 kept", (2, "2 kept")),
    told("keep-over", "keeps a name twice", "nothing is overwritten", 1, "both kept", (0, "both kept")),
];
