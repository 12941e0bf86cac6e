#!/usr/bin/env python3
"""How long other routes take while 64 hostile requests run: beside.py [PROGRAM] [SECONDS].

Starts the program on a scratch project with the scripts of tests/hostile that take time or memory, or make deep
values, keeps 64 requests to them open at all times, asks a good route 100 times a second on fresh connections, and
prints what that took.
Exit status 1 if its p99 is above 250 ms or any request failed. Standard library only.
"""
import glob, http.client, os, random, re, shutil, subprocess, sys, tempfile, threading, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "target/release/hotplate")
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 20.0


def main():
    project = tempfile.mkdtemp()
    plugins = os.path.join(project, "plugins")
    os.mkdir(plugins)
    names = []
    for path in glob.glob(os.path.join(ROOT, "tests/hostile/*/*.rhai")):
        group = os.path.basename(os.path.dirname(path))
        if group in ("cpu", "memory", "nest") and "request: 503" in open(path).readline():
            names.append(f"{group}_{os.path.basename(path)[:-5]}")
            shutil.copy(path, os.path.join(plugins, names[-1] + ".rhai"))
    shutil.copytree(os.path.join(ROOT, "tests/hostile/lib"), os.path.join(plugins, "lib"))
    with open(os.path.join(plugins, "ok.rhai"), "w") as file:
        file.write('get(|req| "ok");\n')
    env = dict(os.environ, HOTPLATE_NETWORK__PORT="0", HOTPLATE_LOG__LEVEL="off", HOTPLATE_LOG__ACCESS="off")
    server = subprocess.Popen([PROGRAM, "serve"], cwd=project, env=env, stdout=subprocess.PIPE, text=True)
    port = int(re.search(r":(\d+) \(pid", server.stdout.readline()).group(1))
    stop, statuses, lock = threading.Event(), {}, threading.Lock()

    def hostile(seed):
        rnd = random.Random(seed)
        while not stop.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
                connection.request("GET", "/" + rnd.choice(names))
                status = connection.getresponse().status
                connection.close()
            except OSError as error:
                status = type(error).__name__
            with lock:
                statuses[status] = statuses.get(status, 0) + 1

    threads = [threading.Thread(target=hostile, args=(n,), daemon=True) for n in range(64)]
    for thread in threads:
        thread.start()
    time.sleep(2)
    took, failed, end = [], 0, time.monotonic() + SECONDS
    while time.monotonic() < end:
        began = time.monotonic()
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
            connection.request("GET", "/ok")
            failed += connection.getresponse().read() != b"ok"
            connection.close()
        except OSError:
            failed += 1
        took.append(time.monotonic() - began)
        time.sleep(max(0.0, 0.01 - took[-1]))
    stop.set()
    server.terminate()
    server.wait(30)
    shutil.rmtree(project, ignore_errors=True)
    took.sort()
    at = lambda q: took[min(len(took) - 1, int(len(took) * q))] * 1000
    print(f"{len(took)} requests beside 64 hostile ones in {SECONDS:.0f} s: p50 {at(.5):.1f} ms, p99 {at(.99):.1f} ms, "
          f"worst {at(1):.1f} ms, {failed} failed; the hostile were answered {statuses}")
    sys.exit(failed > 0 or at(.99) > 250)


main()
