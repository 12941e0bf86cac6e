//! `system::` and the bundled plugin that shows it: the machine, as clients of `systeminfo` know it.

use serde_json::{Value, json};

use crate::harness::{Ask, Project, Server, answer, assert_tells, refusal, wait_until};

const PLUGIN: &str = include_str!("../../plugins/systeminfo.rhai");

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[test]
fn all_parts_are_told_with_the_keys_that_clients_know() {
    let server = Server::start(&[("systeminfo.rhai", PLUGIN)]);
    let all = server.get("/systeminfo").json();
    assert_eq!(keys(&all), ["cpu", "disk", "info", "net", "ram", "upgrades", "uptime"]);
    for (part, wanted) in [
        (
            "cpu",
            &["cpu_count", "cpu_freq", "cpu_model", "loadavg", "percent", "stats", "times"][..],
        ),
        ("uptime", &["pretty", "seconds"]),
        ("upgrades", &["Upgradable packages"]),
        (
            "ram",
            &[
                "active", "buffers", "cached", "free", "inactive", "percent", "shared", "slab",
                "total", "used",
            ],
        ),
        ("info", &["machine", "nodename", "release", "sysname", "version"]),
    ] {
        assert_eq!(keys(&all[part]), wanted);
        let alone = server.get(&format!("/systeminfo/{part}")).json();
        assert_eq!(keys(&alone), wanted, "{part}");
    }
    for part in ["net", "disk"] {
        assert!(all[part].is_array(), "{part}");
        assert!(server.get(&format!("/systeminfo/{part}")).json().is_array());
    }
    let upgrades = all["upgrades"]["Upgradable packages"].as_i64();
    assert!(upgrades.is_some_and(|count| count >= -1), "{}", all["upgrades"]);
    assert!(all["ram"]["total"].as_u64() > all["ram"]["used"].as_u64());
    assert_eq!(all["cpu"]["loadavg"].as_array().unwrap().len(), 3);
    assert_eq!(all["cpu"]["times"].as_array().unwrap().len(), 10);
    assert!(all["uptime"]["pretty"].as_str().unwrap().starts_with("up "));
    assert_eq!(server.ask(Ask::post("/systeminfo/info")).json()["sysname"], all["info"]["sysname"]);
    let unknown = server.get("/systeminfo/nope");
    assert_eq!(unknown.status, 404);
    assert_eq!(unknown.json(), json!({ "Error": "nope is not a part of the system information" }));
}

#[test]
fn rates_are_not_told_before_they_were_sampled_and_then_are() {
    let server = Server::start(&[("systeminfo.rhai", PLUGIN)]);
    let local = || {
        let net = server.get("/systeminfo/net").json();
        net.as_array().unwrap().iter().find(|net| net["address"] == "127.0.0.1/8").cloned()
    };
    let Some(first) = local() else {
        eprintln!("SKIPPED: this machine has no loopback interface");
        return;
    };
    assert_eq!(
        (&first["rx"], &first["tx"], &first["iface"]),
        (&json!("N/A"), &json!("N/A"), &json!("lo"))
    );
    wait_until("a rate", || {
        local().is_some_and(|net| net["rx"].as_str().is_some_and(|rate| rate.ends_with("bps")))
    });
}

#[test]
fn disks_are_those_with_file_systems_that_are_allowed() {
    let everything = "get(|| system::disks().map(|disk| disk.fstype));";
    let server = Project::new(&[("systeminfo.rhai", PLUGIN), ("kinds.rhai", everything)])
        .config("[plugins.systeminfo]\nallowed_fstypes = \"none, nothing\"\n")
        .start();
    assert_eq!(server.get("/systeminfo/disk").json(), json!([]));
    let types = server.get("/kinds").json();
    let Some(one) = types.as_array().unwrap().first() else {
        eprintln!("SKIPPED: this machine tells of no disk");
        return;
    };
    server.save_config(&format!("[plugins.systeminfo]\nallowed_fstypes = [{one}]\n"));
    server.report();
    let disks = server.get("/systeminfo/disk").json();
    let disk = &disks.as_array().unwrap()[0];
    assert_eq!(&disk["fstype"], one);
    assert_eq!(
        keys(disk),
        ["dev", "free", "friendly_dev", "fstype", "mount", "percent", "total", "used"]
    );
}

#[test]
fn the_machine_is_not_read_while_a_script_loads() {
    assert_tells(
        &refusal("const CPU = system::cpu();\nget(|| CPU);"),
        &["system::cpu", "on_start"],
    );
}

#[test]
fn what_is_no_part_of_the_machine_is_told_by_its_name() {
    assert_tells(
        &refusal("get(|| system::memry());"),
        &["no function `system::memry`", "did you mean `system::memory`?"],
    );
    assert_eq!(answer("get(|| system::uptime() > 0);").json(), true);
}
