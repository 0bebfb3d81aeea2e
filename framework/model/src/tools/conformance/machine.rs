//! `network-get`, `unit-get`, `open-port`, `close-port`, `opened-ports`.

use super::{Case, World, fails, ok};

#[test]
fn network_get() {
    let world = World::new();
    let db = world.db().number;
    let json = "{\"bind-addresses\":[{\"mac-address\":\"\",\"interface-name\":\"eth0\",\"addresses\":[{\"hostname\":\"\",\
                \"value\":\"10.0.0.1\",\"cidr\":\"10.0.0.0/24\"}]}],\"egress-subnets\":[\"10.0.0.1/32\"],\
                \"ingress-addresses\":[\"10.0.0.1\"]}\n";
    let yaml = "bind-addresses:\n- mac-address: \"\"\n  interface-name: eth0\n  addresses:\n  - hostname: \"\"\n    \
                value: 10.0.0.1\n    cidr: 10.0.0.0/24\n    address: 10.0.0.1\n  macaddress: \"\"\n  interfacename: eth0\n\
                egress-subnets:\n- 10.0.0.1/32\ningress-addresses:\n- 10.0.0.1\n";
    world.hook("server/0").check(&[
        ok("network-get --format=json db", json),
        ok("network-get db", yaml),
        ok("network-get --format yaml juju-info", yaml),
        ok(&format!("network-get fast -r {db} --format json"), json),
        ok("network-get cluster --bind-address", "10.0.0.1\n"),
        ok("network-get cluster --ingress-address --format json", "\"10.0.0.1\"\n"),
        ok("network-get --egress-subnets certificates", "10.0.0.1/32\n"),
        ok("network-get --primary-address=true db", "10.0.0.1\n"),
        ok(
            "network-get db --bind-address --egress-subnets --ingress-address",
            "bind-address: 10.0.0.1\negress-subnets:\n- 10.0.0.1/32\ningress-address: 10.0.0.1\n",
        ),
        fails(
            "network-get db --primary-address --bind-address",
            1,
            "--primary-address must be the only flag specified",
        ),
        fails("network-get", 2, "no arguments specified"),
        fails("network-get ''", 2, "no binding name specified"),
        fails(
            "network-get nowhere",
            1,
            "no network config found for binding \"nowhere\"",
        ),
        fails("network-get db x", 2, "unrecognized args: [\"x\"]"),
        fails(
            "network-get db -r 77",
            2,
            "invalid value \"77\" for option -r: relation not found",
        ),
    ]);
}

#[test]
fn unit_get() {
    World::new().hook("client/1").check(&[
        ok("unit-get private-address", "10.0.0.5\n"),
        ok("unit-get public-address", "10.0.0.5\n"),
        ok("unit-get --format json private-address", "\"10.0.0.5\"\n"),
        fails("unit-get", 2, "no setting specified"),
        fails("unit-get mac-address", 2, "unknown setting \"mac-address\""),
        fails("unit-get private-address x", 2, "unrecognized args: [\"x\"]"),
    ]);
}

#[test]
fn ports_are_buffered_and_committed() {
    let mut world = World::new();
    world.write("server/0", &["open-port 443", "open-port 8000-8010/TCP --endpoints db"]);
    let mut session = world.hook("server/0");
    session.check(&[
        ok("opened-ports", "443/tcp\n8000-8010/tcp\n"),
        ok("opened-ports --format json", "[\"443/tcp\",\"8000-8010/tcp\"]\n"),
        ok("opened-ports --endpoints", "443/tcp (*)\n8000-8010/tcp (db)\n"),
        ok("open-port 443/tcp", ""),
        ok("open-port 53/udp --endpoints 'db, cluster'", ""),
        ok("open-port icmp", ""),
        ok("close-port 8000-8010 --endpoints db", ""),
        ok("close-port 9999", ""),
        ok(
            "opened-ports --endpoints",
            "icmp (*)\n443/tcp (*)\n53/udp (cluster, db)\n",
        ),
        ok("close-port 443", ""),
        ok("open-port 443", ""),
        ok("opened-ports --format yaml", "- icmp\n- 443/tcp\n- 53/udp\n"),
        fails("opened-ports x", 2, "unrecognized args: [\"x\"]"),
    ]);
    world
        .hook("server/1")
        .check(&[ok("opened-ports", ""), ok("opened-ports --format json", "[]\n")]);
}

#[test]
fn port_ranges_that_are_none() {
    let cases: [(&str, &str); 11] = [
        ("", "no port or range specified"),
        ("x", "invalid port \"x\": strconv.Atoi: parsing \"x\": invalid syntax"),
        (
            "80-x",
            "invalid port \"x\": strconv.Atoi: parsing \"x\": invalid syntax",
        ),
        (
            "-- -80",
            "invalid port \"\": strconv.Atoi: parsing \"\": invalid syntax",
        ),
        ("1-2-3", "invalid port range \"1-2-3\""),
        ("90-80/udp", "invalid port range 90-80/udp"),
        (
            "80/sctp",
            "invalid protocol \"sctp\", expected \"tcp\", \"udp\", or \"icmp\"",
        ),
        (
            "70000",
            "port range bounds must be between 0 and 65535, got 70000-70000",
        ),
        (
            "1-65536/tcp",
            "port range bounds must be between 0 and 65535, got 1-65536",
        ),
        ("80 81", "unrecognized args: [\"81\"]"),
        ("--endpoints", "option needs an argument: --endpoints"),
    ];
    for tool in ["open-port", "close-port"] {
        let cases: Vec<Case> = cases
            .iter()
            .map(|(args, text)| fails(&format!("{tool} {args}"), 2, text))
            .collect();
        World::new().hook("server/0").check(&cases);
    }
}

#[test]
fn port_conflicts_are_found_at_the_call() {
    let world = World::new();
    let mut session = world.hook("server/0");
    session.check(&[
        ok("open-port 80-90", ""),
        fails(
            "open-port 85",
            1,
            "cannot open 85/tcp (unit \"server/0\"): port range conflicts with 80-90/tcp (unit \"server/0\")",
        ),
        ok("open-port 85/udp", ""),
        ok("open-port 80-90 --endpoints db", ""),
    ]);
    assert_eq!(session.changes().open_ports.len(), 3);
    world.hook("server/1").check(&[ok("open-port 85", "")]);
}
