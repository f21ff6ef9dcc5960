//! What of the machine can be seen.

use nexus_shard::{Output, ToolError, data, tool};
use wasip2::cli::environment::{get_arguments, get_environment, initial_cwd};
use wasip2::clocks::{monotonic_clock, wall_clock};
use wasip2::filesystem::preopens::get_directories;
use wasip2::random::random::get_random_bytes;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

/// What was found.
#[data]
pub(crate) struct Seen {
    /// Folders that are open from the start.
    folders: Vec<String>,
    /// Names of environment variables.
    environment: Vec<String>,
    /// Command line.
    arguments: Vec<String>,
    /// Working directory, or null.
    working_directory: Option<String>,
    /// What became of a TCP connection to this machine.
    tcp: String,
    /// What became of a UDP socket.
    udp: String,
    /// What became of looking up a name.
    lookup: String,
    /// Seconds since 1970.
    seconds: u64,
    /// Whether time passes.
    passes: bool,
    /// Whether two random numbers differ.
    random: bool,
}

/// Looks for files, sockets, names, variables and arguments.
#[tool(name = "standard_look", title = "Look around", category = read)]
pub(crate) fn look() -> Result<Output<Seen>, ToolError> {
    let before = monotonic_clock::now();
    let seen = Seen {
        folders: get_directories().into_iter().map(|(_, name)| name).collect(),
        environment: get_environment().into_iter().map(|(name, _)| name).collect(),
        arguments: get_arguments(),
        working_directory: initial_cwd(),
        tcp: told(tcp()),
        udp: told(udp()),
        lookup: told(lookup()),
        seconds: wall_clock::now().seconds,
        passes: monotonic_clock::now() > before,
        random: get_random_bytes(16) != get_random_bytes(16),
    };
    Ok(Output::new(seen))
}

fn tcp() -> Result<(), ErrorCode> {
    let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
    let address = Ipv4SocketAddress { port: 1, address: (127, 0, 0, 1) };
    socket.start_connect(&instance_network(), IpSocketAddress::Ipv4(address))?;
    socket.subscribe().block();
    socket.finish_connect().map(drop)
}

fn udp() -> Result<(), ErrorCode> {
    let socket = create_udp_socket(IpAddressFamily::Ipv4)?;
    let address = Ipv4SocketAddress { port: 0, address: (127, 0, 0, 1) };
    socket.start_bind(&instance_network(), IpSocketAddress::Ipv4(address))?;
    socket.subscribe().block();
    socket.finish_bind()
}

fn lookup() -> Result<(), ErrorCode> {
    let names = resolve_addresses(&instance_network(), "localhost")?;
    names.subscribe().block();
    names.resolve_next_address().map(drop)
}

fn told(outcome: Result<(), ErrorCode>) -> String {
    match outcome {
        Ok(()) => "reached".to_owned(),
        Err(error) => error.name().to_owned(),
    }
}
