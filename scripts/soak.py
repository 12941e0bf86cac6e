"""The load of scripts/soak.sh, and its report: python3 soak.py PROJECT PORT PID SECONDS ARGUMENTS."""
import http.client, json, os, platform, random, signal, socket, sys, threading, time

PROJECT, PORT, PID, SECONDS = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])
ARGUMENTS = sys.argv[5] if len(sys.argv) > 5 else ""
PLUGINS = os.path.join(PROJECT, "plugins")
GOOD = [f"good{n}" for n in range(8)]
TEXT = """const VERSION = {v};
get(|req| #{{ plugin: "{name}", version: VERSION, n: state::incr("n"), list: [1, 2, 3].map(|x| x * 2) }});
post(|req| req.body);
get("/{{id}}", |req| `item ${{req.params.id}}`);
on_start(|| state::incr("starts"));
"""
stop = threading.Event()
lock = threading.Lock()
good, hostile, bad = [], {}, {}
saves, unseen, save_times = [0], [], []


def save(name, version):
    path = os.path.join(PLUGINS, name + ".rhai")
    aside = os.path.join(PLUGINS, f".{name}.new")
    with open(aside, "w") as file:
        file.write(TEXT.format(v=version, name=name))
    os.replace(aside, path)


def ask(connection, method, path, body=None, timeout=None):
    headers = {"Content-Type": "application/json"} if body else {}
    connection.request(method, path, body=body, headers=headers)
    answer = connection.getresponse()
    return answer.status, answer.read()


def good_client(seed):
    rnd = random.Random(seed)
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    while not stop.is_set():
        name = rnd.choice(GOOD)
        method, path, body = rnd.choice([
            ("GET", f"/{name}", None), ("GET", f"/{name}/7", None),
            ("POST", f"/{name}", json.dumps({"a": list(range(50))})),
        ])
        began = time.monotonic()
        try:
            status, answer = ask(connection, method, path, body)
            fault = None if status == 200 else str(status)
        except Exception as error:
            fault = type(error).__name__
            connection.close()
            connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        took = time.monotonic() - began
        with lock:
            good.append((began, took))
            if fault:
                bad[fault] = bad.get(fault, 0) + 1
        stop.wait(max(0.0, 0.02 - took))


def hostile_client(seed):
    rnd = random.Random(seed)
    names = sorted(f[:-5] for f in os.listdir(PLUGINS) if f.startswith("hostile_"))
    while not stop.is_set():
        connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
        try:
            status = str(ask(connection, "GET", "/" + rnd.choice(names))[0])
        except Exception as error:
            status = type(error).__name__
        connection.close()
        with lock:
            hostile[status] = hostile.get(status, 0) + 1


def saver():
    connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    version = 1000
    while not stop.wait(1.0):
        version += 1
        name = GOOD[version % len(GOOD)]
        began = time.monotonic()
        save(name, version)
        saves[0] += 1
        while time.monotonic() - began < 5:
            try:
                seen = json.loads(ask(connection, "GET", f"/{name}")[1])["version"] == version
            except Exception:
                connection.close()
                connection = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
                seen = False
            if seen:
                save_times.append(time.monotonic() - began)
                break
            time.sleep(0.01)
        else:
            unseen.append(version)
        if version % 10 == 0:
            ask(connection, "POST", "/reload/all")
        if version % 30 == 0:
            os.kill(PID, signal.SIGHUP)


def odd_client():
    """Connections that are idle, half sent or never read from."""
    held = []
    while not stop.wait(0.5):
        s = socket.create_connection(("127.0.0.1", PORT), 5)
        s.sendall(random.choice([b"", b"GET / HT", b"POST /good0 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf"]))
        held.append(s)
        if len(held) > 100:
            held.pop(0).close()


def sample():
    status = dict(line.split(":", 1) for line in open(f"/proc/{PID}/status") if ":" in line)
    stat = open(f"/proc/{PID}/stat").read().rsplit(")", 1)[1].split()
    return {
        "memory": int(status["VmRSS"].split()[0]) / 1024,
        "peak": int(status["VmHWM"].split()[0]) / 1024,
        "threads": int(status["Threads"]),
        "files": len(os.listdir(f"/proc/{PID}/fd")),
        "cpu": (int(stat[11]) + int(stat[12])) / os.sysconf("SC_CLK_TCK"),
        "at": time.monotonic(),
    }


def quantile(values, q):
    values = sorted(values)
    return values[min(len(values) - 1, int(len(values) * q))] * 1000 if values else float("nan")


def main():
    for name in GOOD:
        save(name, 1)
    time.sleep(3)
    threads = [threading.Thread(target=good_client, args=(n,)) for n in range(4)]
    threads += [threading.Thread(target=hostile_client, args=(n,)) for n in range(4)]
    threads += [threading.Thread(target=saver), threading.Thread(target=odd_client)]
    for thread in threads:
        thread.daemon = True
        thread.start()
    began = time.monotonic()
    samples = []
    while time.monotonic() - began < SECONDS and os.path.exists(f"/proc/{PID}"):
        time.sleep(5)
        samples.append(sample())
    stop.set()
    for thread in threads:
        thread.join(35)
    alive = os.path.exists(f"/proc/{PID}")
    time.sleep(15)
    samples.append(sample())
    listing = http.client.HTTPConnection("127.0.0.1", PORT, timeout=30)
    plugins = json.loads(ask(listing, "GET", "/plugins")[1])
    report(began, samples, alive, plugins)


def report(began, samples, alive, plugins):
    third = len(samples) // 3
    warm = min(12, max(0, third - 1))
    marks = [("start", samples[warm]), ("middle", samples[len(samples) // 2]), ("end", samples[-2]), ("15 s after the load", samples[-1])]
    print("# Soak\n")
    print(f"`scripts/soak.sh {ARGUMENTS}`".rstrip() + f", on {os.cpu_count()} cores ({platform.machine()}), "
          f"{time.strftime('%Y-%m-%d %H:%M UTC', time.gmtime())}.\n")
    print("Four clients of good plugins, four of hostile ones (every script of `tests/hostile/cpu`, `memory` and `nest`),")
    print("a save of a good plugin each second, `/reload/all` every ten and SIGHUP every thirty seconds, a hundred")
    print("connections that are idle or half sent. The load generator runs on the same cores, and so did other work.\n")
    lasted = samples[-2]["at"] - began
    print(f"| | |\n|---|---|\n| lasted | {lasted:.0f} s; the server was {'alive' if alive else 'DEAD'} at the end |")
    print(f"| requests of good plugins | {len(good)}, of which failed {sum(bad.values())} {bad or ''} |")
    print(f"| requests of hostile plugins | {sum(hostile.values())}: {dict(sorted(hostile.items()))} |")
    print(f"| saves | {saves[0]}, never served {len(unseen)}; save to served p50 {quantile(save_times, .5):.0f} ms, p99 {quantile(save_times, .99):.0f} ms |")
    print(f"| generation at the end | {plugins['generation']} |")
    leaks = [plugin["name"] for plugin in plugins["plugins"] if plugin.get("leak")]
    print(f"| flagged as leaking | {', '.join(leaks) or 'none'} |\n")
    print("| | start | middle | end | 15 s after |\n|---|---|---|---|---|")
    print("| resident memory, MiB | " + " | ".join(f"{s['memory']:.0f}" for _, s in marks) + " |")
    print("| peak so far, MiB | " + " | ".join(f"{s['peak']:.0f}" for _, s in marks) + " |")
    print("| threads | " + " | ".join(str(s["threads"]) for _, s in marks) + " |")
    print("| descriptors | " + " | ".join(str(s["files"]) for _, s in marks) + " |")
    thirds = [[took for at, took in good if began + lasted * k / 3 <= at < began + lasted * (k + 1) / 3] for k in range(3)]
    for q, name in ((.5, "p50"), (.99, "p99"), (.999, "p99.9"), (1.0, "worst")):
        print(f"| latency of good plugins, {name}, ms | " + " | ".join(f"{quantile(third, q):.1f}" for third in thirds) + " | |")
    print("\nLatencies are those of the first, second and last third.")


main()
