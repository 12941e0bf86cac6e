#!/usr/bin/env python3
"""How long other routes take while 64 hostile requests run: beside.py [PROGRAM] [SECONDS].

Starts the program on a scratch project with the scripts of tests/hostile that take time or memory, or make deep
values, keeps 64 requests to them open at all times, asks each route of a good plugin in turn on fresh connections,
and prints what that took: a route that touches nothing, and those that read and write the store, a session, `state`
and a file. Then the same beside those alone that keep the disk busy.
Exit status 1 if a p99 is above 250 ms or any request failed. Standard library only.
"""
import glob, http.client, os, random, re, shutil, subprocess, sys, tempfile, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "target/release/hotplate")
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0
MOST_MS = 250

GOOD = """
get("/plain", |req| "ok");
get("/store", |req| store::get("c", 1) ?? "ok");
post("/store", |req| { store::set("c", 1, "ok"); "ok" });
post("/session", |req| { req.session.n = 1; "ok" });
post("/state", |req| { state::incr("n"); "ok" });
post("/file", |req| { files::save("a.txt", "ok"); "ok" });
"""
ROUTES = [("GET", "/good/plain"), ("GET", "/good/store"), ("POST", "/good/store"), ("POST", "/good/session"),
          ("POST", "/good/state"), ("POST", "/good/file")]


def scripts():
    """The hostile scripts that end with 503: by name, the text."""
    found = {}
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/hostile/*/*.rhai"))):
        group = os.path.basename(os.path.dirname(path))
        text = open(path).read()
        if group in ("cpu", "memory", "nest", "files") and re.match("// request: .*503", text):
            found[f"{group}_{os.path.basename(path)[:-5]}"] = text
    return found


def beside(kind, hostile):
    """Prints what the good routes take beside 64 requests to these scripts; whether that is too much."""
    project = tempfile.mkdtemp()
    plugins = os.path.join(project, "plugins")
    shutil.copytree(os.path.join(ROOT, "tests/hostile/lib"), os.path.join(plugins, "lib"))
    for name, text in [*hostile.items(), ("good", GOOD)]:
        with open(os.path.join(plugins, name + ".rhai"), "w") as file:
            file.write(text)
    env = dict(os.environ, HOTPLATE_NETWORK__PORT="0", HOTPLATE_LOG__LEVEL="off", HOTPLATE_LOG__ACCESS="off")
    server = subprocess.Popen([PROGRAM, "serve"], cwd=project, env=env, stdout=subprocess.PIPE, text=True)
    port = int(re.search(r":(\d+) \(pid", server.stdout.readline()).group(1))
    stop, statuses, lock = threading.Event(), {}, threading.Lock()

    def ask(method, path):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    def attack(seed):
        rnd, names = random.Random(seed), list(hostile)
        while not stop.is_set():
            try:
                status = ask("GET", "/" + rnd.choice(names))[0]
            except (OSError, http.client.HTTPException) as error:
                status = type(error).__name__
            with lock:
                statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=attack, args=(n,), daemon=True) for n in range(64)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    took, failed, end = {route: [] for route in ROUTES}, 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        for route in ROUTES:
            began = time.monotonic()
            try:
                failed += ask(*route) != (200, b"ok")
            except (OSError, http.client.HTTPException):
                failed += 1
            took[route].append((time.monotonic() - began) * 1000)
            time.sleep(0.002)
    stop.set()
    server.terminate()
    server.wait(30)
    shutil.rmtree(project, ignore_errors=True)
    print(f"beside 64 requests to {len(hostile)} {kind} in {SECONDS:.0f} s, answered {statuses}: {failed} failed")
    is_slow = False
    for (method, path), times in took.items():
        times.sort()
        at = lambda q: times[min(len(times) - 1, int(len(times) * q))]
        print(f"  {method:4} {path:13} {len(times):5} requests: p50 {at(.5):5.1f} ms, p99 {at(.99):5.1f} ms, "
              f"worst {at(1):5.1f} ms")
        is_slow |= at(.99) > MOST_MS
    return failed > 0 or is_slow


found = scripts()
disk = {name: text for name, text in found.items() if re.search(r"\b(store|files)::|\.session\b", text)}
# Both, whatever the first one says.
sys.exit(any([beside("hostile scripts", found), beside("that keep the disk busy", disk)]))
