#!/usr/bin/env python3
"""What changing one of many plugins takes, and what compiling them does: many.py [PROGRAM] [EDITS] [FEW] [MANY].

Starts the program on two scratch projects, one of FEW plugins (10) and one of MANY (1000), edits a plugin of
one and then of the other, EDITS times each (40), and prints the median time from the rename to the first new
answer, how long the first load took, and how many times the median of few the one of many is. Every plugin
declares a named schema. Then loads MANY plugins with more in them, compiled and interpreted in turn, and prints
the time and the resident memory of both. Exit status 1 if a change of one of many takes more than three times as
long, or the load of many more than a second, or compiling them half as much again in time or memory. Standard
library only.
"""
import os, re, shutil, socket, statistics, subprocess, sys, tempfile, time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
PROGRAM = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else os.path.join(ROOT, "target/release/hotplate")
EDITS, FEW, MANY = (int(sys.argv[at]) if len(sys.argv) > at else usual for at, usual in ((2, 40), (3, 10), (4, 1000)))

SCRIPT = """//! Plugin number {number}.
let item = schema("Item{number}", object(#{{ id: int(), name: string().max(80), tags: array(string()) }}));
get(|req| "{text}");
get("/{{id}}", #{{ params: #{{ id: int() }} }}, |req| #{{ id: req.params.id, name: "item" }});
post(#{{ body: item }}, |req| created(req.body));
"""

# What is called is not what is measured: these are to be as long as plugins are.
FULL = SCRIPT + """
const LARGEST = 20;

/// The lines of an order with their totals, and their sum.
fn totals(items) {{
    let lines = [];
    let sum = 0;
    for item in items {{
        let line = item.qty * item.price;
        sum += line;
        lines.push(#{{ sku: item.sku, total: line, label: `${{item.qty}} of ${{item.sku}}` }});
    }}
    #{{ lines: lines, sum: sum }}
}}

fn discount(sum) {{
    switch sum {{
        0..1000 => 0,
        1000..10000 => sum / 20,
        _ => sum / 10,
    }}
}}

post("/orders", |req| {{
    let order = req.body;
    if order.items.len() == 0 || order.items.len() > LARGEST {{
        throw unprocessable("an order has between one and twenty items");
    }}
    let all = totals(order.items);
    let off = discount(all.sum);
    created(#{{ id: order.id, lines: all.lines, sum: all.sum, off: off, due: all.sum - off }});
}});

get("/words", |req| {{
    let words = (req.query.text ?? "").split(" ").filter(|word| word.len() > 2);
    let counts = #{{}};
    for word in words {{
        let key = word.to_lower();
        counts[key] = (counts[key] ?? 0) + 1;
    }}
    counts
}});

put("/{{id}}", |req| {{
    let found = state::get(`item-${{req.params.id}}`);
    try {{
        state::set(`item-${{req.params.id}}`, req.body);
    }} catch (error) {{
        return conflict(error.to_string());
    }}
    if found == () {{ created(req.body) }} else {{ req.body }}
}});
"""
# How often the plugins are loaded in either way.
LOADS = 5


class Site:
    def __init__(self, count, script=SCRIPT, **environment):
        self.count = count
        self.script = script
        self.project = tempfile.mkdtemp()
        self.plugins = os.path.join(self.project, "plugins")
        os.mkdir(self.plugins)
        for number in range(count):
            self.write(number, "v0")
        env = dict(os.environ, **environment, HOTPLATE_NETWORK__PORT="0", HOTPLATE_NETWORK__WORKERS="1", HOTPLATE_LOG__ACCESS="off")
        self.log = open(os.path.join(self.project, "log"), "w+")
        self.server = subprocess.Popen([PROGRAM, "serve"], cwd=self.project, env=env, stdout=subprocess.PIPE,
                                       stderr=self.log, text=True)
        port = int(re.search(r":(\d+) \(pid", self.server.stdout.readline()).group(1))
        self.log.seek(0)
        took = re.search(r"milliseconds=([\d.]+)", re.sub(r"\x1b\[[0-9;]*m", "", self.log.read()))
        self.load = float(took.group(1)) if took else float("nan")
        self.socket = socket.create_connection(("127.0.0.1", port))

    def write(self, number, text):
        """Saves a plugin, and gives the time just before it took the place of the one before."""
        path = os.path.join(self.plugins, f"p{number:04}.rhai")
        with open(path + "~", "w") as file:
            file.write(self.script.format(number=number, text=text))
        began = time.perf_counter()
        os.rename(path + "~", path)
        return began

    def ask(self, number):
        self.socket.sendall(f"GET /p{number:04} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
        return self.socket.recv(65536).rsplit(b"\r\n", 1)[-1]

    def memory(self):
        """What is resident, in MiB."""
        with open(f"/proc/{self.server.pid}/status") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024

    def edit(self, number, text):
        began = self.write(number, text)
        while self.ask(number) != text.encode():
            if time.perf_counter() - began > 10:
                sys.exit(f"the change was not served: {self.project}")
            time.sleep(0.0001)
        return (time.perf_counter() - began) * 1000

    def end(self):
        self.server.terminate()
        self.server.wait()
        shutil.rmtree(self.project)


def main():
    sites = [Site(FEW), Site(MANY)]
    times = {site.count: [] for site in sites}
    time.sleep(1)
    for turn in range(EDITS + 2):
        for site in sites:
            took = site.edit(turn * 7 % site.count, f"v{turn + 1}")
            # The first one makes what is made once.
            if turn > 1:
                times[site.count].append(took)
            time.sleep(0.05)
    medians = []
    for site in sites:
        took = sorted(times[site.count])
        medians.append(statistics.median(took))
        print(f"{site.count:5} plugins: loaded in {site.load:.0f} ms; a change is served after {medians[-1]:.2f} ms "
              f"(middle half {took[len(took) // 4]:.2f} to {took[len(took) * 3 // 4]:.2f})")
        site.end()
    times_as_much = medians[1] / medians[0]
    print(f"{times_as_much:.2f} times as much")
    grown = compare_loads()
    sys.exit(times_as_much > 3 or sites[1].load > 1000 or max(grown) > 1.5)


def compare_loads():
    """How many times the time and the memory of interpreted plugins compiled ones take."""
    seen = {"false": [], "true": []}
    for _ in range(LOADS):
        for compiled, all_of in seen.items():
            site = Site(MANY, FULL, HOTPLATE_LIMITS__COMPILE=compiled)
            all_of.append((site.load, site.memory()))
            site.end()
    interpreted, compiled = ([statistics.median(of) for of in zip(*all_of)] for all_of in seen.values())
    for name, (load, memory) in (("interpreted", interpreted), ("compiled", compiled)):
        print(f"{MANY:5} longer plugins, {name}: loaded in {load:.0f} ms, {memory:.1f} MiB resident")
    grown = [after / before for before, after in zip(interpreted, compiled)]
    print(f"{grown[0]:.2f} times the time, {grown[1]:.2f} times the memory")
    return grown


main()
