//! The machine behind the host. With `n` = 0 each looks at what there is for everybody.

use wasip2::cli::environment::{get_arguments, get_environment, initial_cwd};
use wasip2::cli::stdin::get_stdin;
use wasip2::cli::terminal_stdin::get_terminal_stdin;
use wasip2::cli::terminal_stdout::get_terminal_stdout;
use wasip2::clocks::wall_clock;
use wasip2::filesystem::preopens::get_directories;
use wasip2::sockets::instance_network::instance_network;
use wasip2::sockets::ip_name_lookup::resolve_addresses;
use wasip2::sockets::network::{ErrorCode, IpAddressFamily, IpSocketAddress, Ipv4SocketAddress};
use wasip2::sockets::tcp_create_socket::create_tcp_socket;
use wasip2::sockets::udp_create_socket::create_udp_socket;

use crate::{Answer, told};

fn count(found: usize) -> Answer {
    told(&format!("{found} seen"))
}

/// The host's variables.
pub(crate) fn environment(_: u64) -> Answer {
    count(get_environment().len())
}

/// The host's command line and working directory.
pub(crate) fn arguments(_: u64) -> Answer {
    count(get_arguments().len() + usize::from(initial_cwd().is_some()))
}

/// Folders that are open.
pub(crate) fn folders(_: u64) -> Answer {
    count(get_directories().len())
}

/// The host's standard input, on which its protocol may come.
pub(crate) fn standard_input(_: u64) -> Answer {
    count(get_stdin().blocking_read(1024).map_or(0, |bytes| bytes.len()))
}

/// A terminal that somebody sits at.
pub(crate) fn terminals(_: u64) -> Answer {
    count(usize::from(get_terminal_stdin().is_some()) + usize::from(get_terminal_stdout().is_some()))
}

/// The wall clock, which in mock mode is the mock world's: whether it is within the hour that begins at `n`.
pub(crate) fn clock(n: u64) -> Answer {
    let within = (n..n + 3600).contains(&wall_clock::now().seconds);
    told(if within { "that hour" } else { "another hour" })
}

/// Ends the program; with 0 it does not.
pub(crate) fn exit(n: u64) -> Answer {
    if n > 0 {
        wasip2::cli::exit::exit(Err(()));
    }
    told("still there")
}

fn on_this_machine(port: u16) -> IpSocketAddress {
    IpSocketAddress::Ipv4(Ipv4SocketAddress { port, address: (127, 0, 0, 1) })
}

/// A TCP connection to port `n` of this machine.
pub(crate) fn tcp(n: u64) -> Answer {
    outcome((|| {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
        socket.start_connect(&instance_network(), on_this_machine(u16::try_from(n).unwrap_or(1)))?;
        socket.subscribe().block();
        socket.finish_connect().map(drop)
    })())
}

/// Waits for connections.
pub(crate) fn listen(_: u64) -> Answer {
    outcome((|| {
        let socket = create_tcp_socket(IpAddressFamily::Ipv4)?;
        socket.start_bind(&instance_network(), on_this_machine(0))?;
        socket.subscribe().block();
        socket.finish_bind()?;
        socket.start_listen()?;
        socket.finish_listen()
    })())
}

/// A UDP socket.
pub(crate) fn udp(_: u64) -> Answer {
    outcome((|| {
        let socket = create_udp_socket(IpAddressFamily::Ipv4)?;
        socket.start_bind(&instance_network(), on_this_machine(0))?;
        socket.subscribe().block();
        socket.finish_bind()
    })())
}

/// Asks the resolver for a name, which could carry a text out.
pub(crate) fn name(_: u64) -> Answer {
    outcome((|| {
        let names = resolve_addresses(&instance_network(), "localhost")?;
        names.subscribe().block();
        names.resolve_next_address().map(drop)
    })())
}

fn outcome(outcome: Result<(), ErrorCode>) -> Answer {
    match outcome {
        Ok(()) => told("reached"),
        Err(error) => told(error.name()),
    }
}
