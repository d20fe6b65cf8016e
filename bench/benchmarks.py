"""What `./dev bench` measures: one function a benchmark. Each adds rows to the session."""
import csv
import json
import os
import random
import statistics

import text_data
from session import mean, median

RECIPE = "recipes/vision/simclr-cifar10-500.toml"
SEEDS = (0, 1, 2)


def train(s, folder, *settings):
    """The result of training RECIPE with other settings; None if it cannot be."""
    if not s.has_data("cifar10"):
        return None
    sets = [part for setting in settings for part in ("--set", setting)]
    return s.vistas("train", RECIPE, "--data", s.data / "cifar10", "--out", folder, *sets)


def views(s):
    """SimCLR views and single operations on one core, by CPU time."""
    # An operation may use the time of a third of the best peer that computes the same thing:
    # albumentations' resize-crop does not antialias, its resize-crop-area does.
    names = {"crop_resize/bilinear": ("resize-crop", "crop + resize 640x480 to 224"),
             "colour_op/jitter": ("jitter", "jitter, all four"), "run_op/blur": ("blur", "blur"),
             "colour_op/grey": ("gray", "grey"), "colour_op/solarize": ("solarize", "solarize"),
             "normalise": ("normalise", "normalise")}
    ours = s.google("views_bench", pinned=True)
    have_photos = s.has_data("imagenette-128", "bccd")
    theirs = s.peer("ops", "--peers", "tv1,tv2,albu,lightly") if have_photos else []
    for name, (op, what) in names.items():
        peers = {}
        for line in theirs:
            antialiased = line["op"] != "resize-crop" or line["peer"] != "albu"
            if line["op"].removesuffix("-area") == op and antialiased:
                peers[line["peer"]] = line["us"]
        time = median(ours.get(name), "cpu_time")
        s.row(f"{what}, 224 px", time and time / 1000, "us", peers=peers, lower_is_better=True,
              need=3, per_peer=True)
    for name, entries in ours.items():
        if name.startswith("simclr/"):
            s.row(f"views without decoding, {name}", median(entries, "views/s"), "views/s")
    whole(s)


def whole(s):
    """Views with everything before them, from the files or the memory of a data set."""
    ours = s.google("decode_views_bench", pinned=True)
    theirs = []
    if s.has_data("cifar10", "imagenette-128"):
        theirs += s.peer("run", "views")
    if s.has_data("bccd"):
        theirs += s.peer("views", "--data", "bccd", "--workers", "0", "--seconds", "0.8")
    for data, name, what, need in (
            ("cifar", "cifar_32", "views, CIFAR-10 from memory, 32 px", 40000),
            ("imagenette", "imagenette_128", "views with blur, 128 px JPEG", 4000),
            ("bccd", "bccd_224", "views with blur, 640x480 JPEG to 224", 1400)):
        peers = {line["peer"]: line["views_per_cpu_s"] for line in theirs if line["data"] == data}
        s.row(what, median(ours.get(f"make_views/{name}"), "views/s"), "views/s", peers=peers,
              need=need)


def step(s):
    """A SimCLR training step by itself, and training with loading and views."""
    def measure():
        return s.google("step_bench", repetitions=4, min_time=0.5)

    def trainer():
        folder = s.fresh_run("step")
        done = train(s, folder, "train.batch=256", "train.steps=60")
        return steady_rate(folder) if done else None

    # Before and after the peers, so that a change of the machine's load falls on both.
    rounds, rates = [measure()], [trainer()]
    theirs = {(line["mode"], line["data"]): line["images_per_s"] for line in s.peer("run", "step")}
    if theirs:
        rounds.append(measure())
        rates.append(trainer())
    ours = {}
    for precision in ("bf16", "fp32"):
        name = f"train_step/resnet18_width16_{precision}/process_time/real_time"
        ours[precision] = median(sum((r.get(name, []) for r in rounds), []), "items_per_second")
    for precision, mode, need in (("bf16", "bf16cl", 1.1), ("fp32", "eager", None)):
        s.row(f"step, ResNet-18 width 16, batch 256, {precision}", ours[precision], "images/s",
              peers={f"PyTorch {mode}": theirs.get((mode, "model"))}, need=need, per_peer=True)
    rate = mean(rates)
    s.row("the same with loading and views", rate, "images/s",
          peers={"lightly's loader": theirs.get(("bf16cl", "e2e"))})
    model, their_model = ours["bf16"], theirs.get(("bf16cl", "model"))
    their_share = their_model and theirs.get(("bf16cl", "e2e"), 0) / their_model
    share = rate and model and rate / model
    if share and share > 1.02:
        s.skip(f"share of the step alone: {share:.2f} cannot be, the load of the machine changed "
               "meanwhile; measure again")
        return
    s.row("its share of the step alone", share, "", peers={"lightly's loader": their_share},
          need=0.93)


def steady_rate(run):
    """Images a second of a run after its first report, which holds the start."""
    reports = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    reports = [r for r in reports if "samples_per_s" in r]
    steps = [b["step"] - a["step"] for a, b in zip(reports, reports[1:])]
    seconds = sum(n / r["samples_per_s"] for n, r in zip(steps, reports[1:]))
    return sum(steps) / seconds if steps else None


def optim(s):
    """An optimiser step on the parameters of ResNet-18, against ATen's fused kernels."""
    ours = s.google("optim_bench", min_time=0.5)
    for name, fused in (("adamw", "adamw"), ("sgd", "sgd"), ("lars", "sgd")):
        def best(key):
            return min((e["best_ms"] for e in ours.get(f"{key}/real_time", [])), default=None)
        s.row(f"{name}, 11 M parameters, 2 threads, fastest step", best(f"ours/{name}"), "ms",
              peers={f"ATen fused {fused}": best(f"aten_{fused}")}, lower_is_better=True, need=1,
              per_peer=True)


def loss(s):
    """NT-Xent forward and backward, beside a matrix product on the same cores."""
    ours = s.google("loss_bench", filter="nt_xent|matrix|sgemm")
    theirs = {}
    for implementation in ("lightly", "eager", "compile"):
        for line in s.peer("ntxent", "--impl", implementation, "--n", "1024,4096,8192"):
            theirs.setdefault(line["n"], {})[implementation] = line["lo"]

    def fastest(name, key, pick):
        return pick((e[key] for e in ours.get(f"{name}/real_time", [])), default=None)
    product = max((fastest(f"sgemm/{n}", "gflops", max) or 0 for n in (1024, 2048, 4096)))
    for n in (1024, 4096, 8192):
        for precision in ("fp32", "bf16"):
            name = f"nt_xent/{precision}/{n}"
            peers = {"the matrix in ATen": fastest(f"matrix/{n}", "best_ms", min)}
            s.row(f"NT-Xent, {n} rows of 128, {precision}, 2 threads", fastest(name, "best_ms", min),
                  "ms", peers=peers | theirs.get(n, {}), lower_is_better=True, need=3,
                  per_peer=True)
            if n > 1024:
                s.row("the same beside plain PyTorch", fastest(name, "best_ms", min), "ms",
                      peers={"eager": theirs.get(n, {}).get("eager")}, lower_is_better=True,
                      need=4.5, per_peer=True)
            rate = fastest(name, "gflops", max)
            s.row("its 4 N^2 D operations a second / those of sgemm",
                  rate and product and rate / product, "",
                  need=0.8 * (1 if precision == "fp32" else 1.5))
    errors = s.google("loss_bench", repetitions=1, filter="gradient_error").get(
        "gradient_error/4096/iterations:1/real_time", [{}])[0]
    s.row("gradient, 4096 rows, fp32: largest error / largest value", errors.get("fp32"), "",
          peers={"the matrix in ATen": errors.get("matrix_fp32")}, lower_is_better=True,
          need=1e-7)
    for n, most in ((8192, 32), (131072, 1000)):
        # A process each: memory freed by another benchmark would serve this one.
        entry = s.google("loss_bench", repetitions=1, filter=f"memory/{n}/").get(
            f"memory/{n}/iterations:1/real_time", [{}])[0]
        s.row(f"NT-Xent, {n} rows: memory besides the inputs", entry.get("extra_megabytes"), "MB",
              lower_is_better=True, need=most)


def loader(s):
    """Two loader threads against one."""
    ours = s.google("loader_bench")
    one, two = (median(ours.get(f"load/{n}/real_time"), "items_per_second") for n in (1, 2))
    s.row("1 loader thread, CIFAR-10, 32 px", one, "images/s")
    s.row("2 loader threads", two, "images/s")
    s.row("2 threads against 1", one and two and two / one, "times", need=1.9)


def quality(s):
    """500 SimCLR steps on CIFAR-10 with three seeds: accuracies and time."""
    if not s.has_data("cifar10"):
        return
    ours, theirs = [], []
    for seed in SEEDS:
        ours.append(our_quality(s, seed))
        theirs.append(peer_quality(s, seed))
    for key, what in (("knn", "kNN, k 200"), ("linear", "linear probe"),
                      ("linear_1pct", "linear probe, 1 % of the labels")):
        s.row(f"{what}, mean of {len(SEEDS)} seeds", mean(r.get(key) for r in ours), "%",
              peers={"lightly": mean(r.get(key) for r in theirs)}, need=1, per_peer=True)
    s.row("training of 500 steps, mean", mean(r.get("seconds") for r in ours), "s",
          peers={"lightly": mean(r.get("seconds") for r in theirs)}, lower_is_better=True,
          need=1 / 0.65, per_peer=True)


def our_quality(s, seed):
    folder = s.fresh_run(f"quality-{seed}")
    trained = train(s, folder, f"train.seed={seed}")
    result = s.vistas("eval", folder, "--data", s.data / "cifar10", "--tasks", "knn,linear",
                      "--labels", "1%,100%", "--k", "200",
                      "--knn-temperature", "0.1") if trained else None
    if not result:
        return {}
    top1 = {(row["task"].split()[0], row["labels"]): 100 * row["mean"] for row in result["rows"]}
    return {"knn": top1["knn", "100%"], "linear": top1["linear", "100%"],
            "linear_1pct": top1["linear", "1%"], "seconds": trained["seconds"]}


def peer_quality(s, seed):
    checkpoint = s.build / "bench" / f"peer-quality-{seed}.pt"
    checkpoint.parent.mkdir(parents=True, exist_ok=True)
    checkpoint.unlink(missing_ok=True)
    trained = {}
    while not trained.get("done"):
        lines = s.peer("quality", "train", "--seed", seed, "--steps", "500", "--seconds", "600",
                       "--ckpt", checkpoint)
        if not lines:
            return {}
        trained = lines[-1]
    lines = s.peer("quality", "eval", "--seed", seed, "--ckpt", checkpoint)
    return {**lines[-1], "seconds": trained["train_s"]} if lines else {}


def cache(s):
    """Gradient caching against the plain step: time at one batch, memory at a larger one."""
    def measured(precision, batch, micro, key):
        # A process each, because the peak is that of the process.
        entries = s.google("gradient_cache_bench", repetitions=1,
                           filter=f"step/{precision}/batch:{batch}/micro:{micro}/")
        return next((e[0][key] for e in entries.values()), None)

    def peak(precision, batch):
        # The same process takes some per cent more or less from one time to the next.
        peaks = [measured(precision, batch, 128, "peak_megabytes") for _ in range(5)]
        return statistics.median(peaks) if all(peaks) else None

    for precision in ("bf16", "fp32"):
        plain, cached = (measured(precision, 512, micro, "real_time") for micro in (0, 128))
        s.row(f"step of 512 in 4 parts / plain step of 512, {precision}",
              plain and cached and cached / plain, "times", lower_is_better=True, need=1.4)
        small, large = (peak(precision, batch) for batch in (512, 8192))
        s.row(f"peak memory at 8192 / at 512, 128 at once, {precision}",
              small and large and large / small, "times", lower_is_better=True, need=1.1)


def demo(s):
    """The demo with three seeds."""
    results = [s.vistas("demo", "--seed", seed, "--out", s.fresh_run(f"demo-{seed}"))
               for seed in SEEDS]
    results = [r for r in results if r]
    if len(results) < len(SEEDS):
        return
    for encoder in ("pixels", "untrained", "trained"):
        s.row(f"one-shot accuracy, {encoder}, mean of {len(SEEDS)} seeds",
              100 * mean(r[encoder]["mean"] for r in results), "%",
              need=80 if encoder == "trained" else None)
    s.row("training, mean", mean(r["seconds"] for r in results), "s", lower_is_better=True,
          need=180)


def start(s):
    """Wall time of short commands: the median of five after one that warms the file cache."""
    program = s.build / "vistas"
    if not program.exists():
        return s.skip(f"no program {program}: run ./dev build")
    time_of(s, "vistas --help", [program, "--help"], need=0.5, peer=s.peer_python("vision") and
            [s.homes / "vision" / "bin" / "lightly-ssl-train", "--help"])
    if not s.has_data("imagenette-128"):
        return
    picture = min((s.data / "imagenette-128" / "train").rglob("*.JPEG"))
    folder = s.fresh_run("start")
    if train(s, folder, "train.steps=1", "train.batch=32"):
        time_of(s, "vistas embed of one picture",
                [program, "embed", folder, picture, "-o", folder / "one.safetensors"], need=0.9)


def time_of(s, what, command, need, peer=None):
    def seconds(command, repeats):
        s.run(command)
        before = os.times()
        times = [s.run(command)[1] for _ in range(repeats)]
        after = os.times()
        cpu = after.children_user + after.children_system - \
            before.children_user - before.children_system
        s.raw.append({"command": [str(part) for part in command], "wall_s": times,
                      "mean_cpu_s": cpu / repeats})
        return None if None in times else times
    ours, theirs = seconds(command, 5), seconds(peer, 3) if peer else None
    if ours:
        s.row(f"{what}, median of 5 (best {min(ours):.3f} s)", statistics.median(ours), "s",
              peers={"lightly-ssl-train --help": statistics.median(theirs)} if theirs else {},
              lower_is_better=True, need=need)


def sources(s):
    """Decoding and reading, one core."""
    for name, entries in s.google("sources_bench", pinned=True, repetitions=3).items():
        s.row(name, median(entries, "items_per_second"), "pictures/s")


def interactions(s):
    """Reading 10 million interactions from CSV, one and two threads."""
    for name, entries in s.google("interactions_bench", repetitions=2).items():
        s.row(name.split("/iterations")[0], median(entries, "items_per_second"), "rows/s")
        s.row(name.split("/iterations")[0] + ", held", median(entries, "held_bytes_per_row"),
              "bytes/row", lower_is_better=True)


def measure(s):
    """kNN, logistic regression and the linear probe at the size of CIFAR-10."""
    for name, entries in s.google("measure_bench", repetitions=3).items():
        s.row(name.removesuffix("/real_time"), median(entries, "real_time"),
              entries[0]["time_unit"], lower_is_better=True)


def ranking(s):
    """Full ranking of Gowalla: the 20 best items of every user, those of training left out."""
    if not s.has_data("gowalla"):
        return
    ours = s.google("ranking_bench", repetitions=3)
    data = {"DATA": f"{os.environ.get('VISTAS_DATA', '')}/recommendation", "THREADS": "2"}
    theirs = {}
    for line in s.peer("eval_speed", part="recommendation", env=data):
        if "users_per_s" in line:
            name = line["peer"].split()[0]
            theirs[name] = max(line["users_per_s"], theirs.get(name, 0))
    for name, what, need in (("full_ranking", "full ranking, 40,981 items of 64 numbers", 25000),
                             ("products", "the products alone, by ATen", None)):
        s.row(f"{what}, fastest of 2 threads",
              max((e["users/s"] for e in ours.get(f"{name}/real_time", [])), default=None),
              "users/s", need=need, peers=theirs if need else {})


def recommend(s):
    """Training on Gowalla and Beauty by the recipes: seconds an epoch; needs the peers for a ratio."""
    if not s.has_data("gowalla", "beauty"):
        return
    graph = lambda model, steps, *more: epoch_of(s, "graph_torch", "--model", model, "--steps",
                                                 steps, *more)
    recbole = lambda model, steps, *more: epoch_of(s, "recbole_peer", "--model", model, "--steps",
                                                   steps, *more)
    layers = ("--set", "n_layers=3")
    for recipe, what, need, peers, sets in (
            ("lightgcn", "LightGCN, 1 layer, softmax", 12,
             lambda: {"PyTorch CSR": graph("ssm", 20, "--layers", "1", "--tau", "0.12", "--l2",
                                           "1e-5")}, ()),
            ("lightgcn-bpr", "LightGCN, 3 layers, BPR", 20,
             lambda: {"PyTorch CSR": graph("lightgcn", 20),
                      "PyTorch COO": graph("lightgcn", 10, "--sparse", "coo"),
                      "RecBole": recbole("LightGCN", 15, *layers)}, ()),
            ("sgl", "SGL, 3 layers, told from the nodes of the batch", 60,
             lambda: {"RecBole": recbole("SGL", 4, *layers)}, ()),
            ("sgl", "SGL, 3 layers, told from all nodes", 200, dict, ('method.among="all"',)),
            ("xsimgcl", "XSimGCL, 3 layers", 35,
             lambda: {"PyTorch CSR": graph("xsimgcl", 15)}, ())):
        s.row(f"{what}: an epoch of Gowalla, batch 2,048", our_epoch(s, f"{recipe}-gowalla", *sets),
              "s", lower_is_better=True, need=need, peers=peers())
    s.row("SASRec, full softmax: an epoch of Beauty, batch 256", our_epoch(s, "sasrec-beauty"), "s",
          lower_is_better=True, peers={"RecBole": recbole("SASRec", 6, "--data", "beauty")})


def our_epoch(s, recipe, *sets):
    """Seconds of an epoch by the fastest of some reports of 20 steps."""
    folder = s.fresh_run(recipe)
    sets = ["train.steps=80", "train.log_every=20", "train.score_every=0", *sets]
    done = s.vistas("train", f"recipes/recommend/{recipe}.toml", "--select-on", "test", "--out",
                    folder, *(word for setting in sets for word in ("--set", setting)))
    if not done:
        return None
    rate = max(json.loads(line)["samples_per_s"]
               for line in (folder / "metrics.jsonl").read_text().splitlines())
    return done["samples"] / rate


def epoch_of(s, script, *arguments):
    """Seconds of a peer's epoch, from the steps it timed."""
    data = {"DATA": f"{os.environ.get('VISTAS_DATA', '')}/recommendation", "THREADS": "2"}
    lines = s.peer(script, *map(str, arguments), part="recommendation", env=data)
    return lines[-1]["s_per_epoch_extrapolated"] if lines else None


def graph(s):
    """One propagation over the graph of Gowalla, and a view of it, against ATen's sparse products."""
    if not s.has_data("gowalla"):
        return
    ours = s.google("graph_bench", repetitions=5)

    def best(name):
        return min((e["best_ms"] for e in ours.get(f"{name}/real_time", [])), default=None)
    for precision, need in (("fp32", 5), ("bf16", 2.6)):
        for way in ("forward", "backward"):
            peers = {"ATen CSR": best("aten_csr"), "ATen COO": best("aten_coo")}
            s.row(f"propagation, {way}, {precision}, 64 columns, fastest of 2 threads",
                  best(f"{way}/{precision}"), "ms", lower_is_better=True, need=need,
                  peers=peers if way == "forward" else {})
    s.row("a tenth of the edges dropped", best("drop_edges"), "ms", lower_is_better=True)


def dense(s):
    """A detector at 640 x 480 and its boxes, a segmenter and regions at 240 x 180."""
    ours = s.google("dense_bench", repetitions=3)

    def rate(name):
        return max((e["pictures/s"] for e in ours.get(f"{name}/real_time", [])), default=None)
    for batch in (1, 8):
        s.row(f"detector, ResNet-18 of width 32, 640 x 480, batches of {batch}, bf16",
              rate(f"detector/{batch}"), "pictures/s", need=8)
    network, boxes = rate("detector/8"), rate("boxes")
    if network and boxes:
        s.row("boxes from its answers, every place a candidate: share of the network's time",
              100 * network / boxes, "%", lower_is_better=True, need=5)
    s.row("segmenter, 256 x 192, batches of 8, bf16", rate("segmenter"), "pictures/s")
    s.row("regions of a picture of 240 x 180, one thread", rate("regions"), "pictures/s")


def baselines(s):
    """Popularity, ItemKNN and EASE on Gowalla: time and what they find (EASE: 7 GB, many minutes)."""
    if not s.has_data("gowalla"):
        return
    for name, entries in s.google("baselines_bench", repetitions=1).items():
        name = name.removesuffix("/real_time").removesuffix("/iterations:1")
        s.row(f"{name}, 20 items for every user", entries[0]["real_time"] / 1000, "s",
              lower_is_better=True)
        for measure_name in ("recall", "ndcg"):
            s.row(f"{name}, {measure_name}@20", entries[0][measure_name], "")


def write_stsb_lines(s):
    """The sentences of STS-B, train, a line each, where the programs look for them."""
    with open(s.data / "stsb/en-train.csv", encoding="utf-8", newline="") as file:
        sentences = [text for a, b, _ in csv.reader(file) for text in (a, b)]
    (s.data / "texts").mkdir(exist_ok=True)
    (s.data / "texts/stsb.txt").write_text("\n".join(sentences) + "\n", encoding="utf-8")


def encode(s):
    """all-MiniLM-L6-v2: 320 sentences of STS-B to embeddings, two threads, fp32 and bf16."""
    if not os.environ.get("VISTAS_MINILM"):
        return s.skip("no VISTAS_MINILM: `./dev bench encode` installs it")
    if not s.has_data("stsb"):
        return
    write_stsb_lines(s)
    ours = s.google("encode_bench")
    env = {"THREADS": "2", "MAXT": "3", "DATA": f"{os.environ.get('VISTAS_DATA', '')}/text"}
    beside = {"fp32": {"sentence-transformers fp32": "torch-fp32", "CTranslate2 fp32": "ct2-fp32"},
              "bf16": {"sentence-transformers bf16": "torch-bf16"}}
    for precision, peers in beside.items():
        theirs = {name: line["per_s"] for name, backend in peers.items()
                  for line in s.peer("throughput", backend, "stsb", "320", part="text", env=env)}
        s.row(f"sentences of STS-B, {precision}",
              median(ours.get(f"encode_lines/stsb_{precision}/320/real_time"), "items_per_second"),
              "texts/s", peers=theirs, need=1, per_peer=True)


def tokenize(s):
    """WordPiece: sentences of STS-B and reviews of IMDB to ids, with two threads and with one."""
    if not os.environ.get("VISTAS_MINILM"):
        return s.skip("no VISTAS_MINILM: `./dev bench tokenize` installs it")
    if not s.has_data("stsb", "imdb-reviews-8k"):
        return
    with open(s.data / "stsb/en-train.csv", encoding="utf-8", newline="") as file:
        sentences = [text for a, b, _ in csv.reader(file) for text in (a, b)]
    reviews = (s.data / "imdb-reviews-8k/reviews.tsv").read_text(encoding="utf-8").split("\n")[1:]
    texts = {"stsb": sentences, "imdb": [line.split("\t", 2)[2] for line in reviews[:2000]]}
    (s.data / "texts").mkdir(exist_ok=True)
    for name, lines in texts.items():
        (s.data / "texts" / f"{name}.txt").write_text("\n".join(lines) + "\n", encoding="utf-8")
    ours = s.google("tokenizer_bench")
    for name, what in (("stsb", "sentences of STS-B"), ("imdb", "reviews of IMDB")):
        for threads, text in ((1, "one thread"), (2, "two threads")):
            theirs = s.peer("throughput", "tokenizer", name, part="text",
                            env={"THREADS": str(threads), "MAXT": "4",
                                 "DATA": f"{os.environ['VISTAS_DATA']}/text"})
            s.row(f"{what}, {text}",
                  median(ours.get(f"tokenize_lines/{name}/{threads}/real_time"),
                         "items_per_second"), "texts/s",
                  peers={"Hugging Face tokenizers": line["per_s"] for line in theirs}, need=3,
                  per_peer=True)


def static(s):
    """A static encoder trained on pairs of captions, tokenizing included; and the parts of a step."""
    if not os.environ.get("VISTAS_MINILM"):
        return s.skip("no VISTAS_MINILM: `./dev bench static` installs it")
    if not s.has_data("multi30k", "stsb"):
        return
    text_data.caption_pairs(s.data)
    ours = s.google("static_bench", repetitions=5)
    theirs = s.peer("static_train", "--dim", "256", "--pairs", "60000", part="text",
                    env={"THREADS": "2", "DATA": f"{os.environ['VISTAS_DATA']}/text"})
    peers = {"sentence-transformers": line["pairs_per_s"] for line in theirs}
    for precision in ("fp32", "bf16"):
        rate = max((e["pairs/s"] for e in ours.get(f"epoch/{precision}/real_time", [])),
                   default=None)
        what = f"60,000 caption pairs, 256 columns, batch 2,048, {precision} products, best epoch"
        s.row(what, rate, "pairs/s", peers=peers, need=4, per_peer=True)
        if precision == "bf16":
            s.row("the same", rate, "pairs/s", need=40000)
    for name, what in (("tokenizing", "tokenizing a batch, one thread"),
                       ("embedding/forward", "embedding it"),
                       ("embedding/both_ways", "embedding it, and the gradient"),
                       ("loss/fp32", "loss and its gradient, fp32"),
                       ("loss/bf16", "loss and its gradient, bf16 products"),
                       ("optimizer", "Adagrad on the rows that occur")):
        s.row(what, min((e["best_ms"] for e in ours.get(f"{name}/real_time", [])), default=None),
              "ms", lower_is_better=True)


def finetune(s):
    """Steps of SimCSE from all-MiniLM-L6-v2: 64 sentences of IMDB, two views each, 32 tokens."""
    model = os.environ.get("VISTAS_MINILM")
    if not model:
        return s.skip("no VISTAS_MINILM: `./dev bench finetune` installs it")
    if not s.has_data("imdb-sentences-300k"):
        return
    theirs = s.peer("finetune", "all", "speed", part="text",
                    env={"THREADS": "2", "DATA": f"{os.environ['VISTAS_DATA']}/text"})
    for precision in ("bf16", "fp32"):
        folder = s.fresh_run(f"finetune-{precision}")
        sets = ["encoder.max_length=32", "train.batch=64", "train.steps=8", "train.log_every=1",
                f"train.precision={precision}"]
        done = s.vistas("train", s.data / "imdb-sentences-300k/sentences.txt", "--encoder", model,
                        "--out", folder, *(word for setting in sets for word in ("--set", setting)))
        steps = (folder / "metrics.jsonl").read_text().splitlines() if done else []
        s.row(f"a step, {precision}, the fastest",
              max((json.loads(step)["samples_per_s"] for step in steps), default=None),
              "sentences/s", need=1.2, per_peer=True,
              peers={"PyTorch": next((line["sentences_per_s"] for line in theirs
                                      if line["precision"] == precision), None)})


def texts(s):
    """The recipes of static encoders by the data they name: training time and quality."""
    model = os.environ.get("VISTAS_MINILM")
    if not model:
        return s.skip("no VISTAS_MINILM: `./dev bench texts` installs it")
    if not s.has_data("multi30k", "stsb", "tatoeba-deu-eng", "tatoeba-test", "imdb-reviews-8k",
                      "imdb-sentences-300k"):
        return
    vocabulary = ("--set", f'tokenizer.path="{model}"')
    sts = [f"{s.data}/stsb/en-{split}.csv" for split in ("test", "dev")]
    bitext = f"{s.data}/tatoeba-test/deu-eng"
    data = {"DATA": f"{os.environ['VISTAS_DATA']}/text", "THREADS": "2"}
    peer = lambda *words: (s.peer(*words, part="text", env=data) or [{}])[-1]

    pairs = learn(s, "static-pairs", text_data.caption_pairs(s.data), sts, *vocabulary)
    theirs = peer("static_train", "--dim", "256", "--pairs", "60000")
    s.row("caption pairs, one epoch: STS-B test", figure(s, pairs, f"sts:{sts[0]}", "Spearman (all)"),
          "%", peers={"sentence-transformers": theirs.get("test")}, need=66.3)
    distilled = learn(s, "static-distilled", text_data.english(s.data, model), sts, *vocabulary,
                      "--set", f'data.teacher="{model}"')
    s.row("all data, all-MiniLM-L6-v2 as teacher: STS-B test",
          figure(s, distilled, f"sts:{sts[0]}", "Spearman (all)"), "%", need=72)

    bilingual = learn(s, "static-bilingual", text_data.translations(s.data),
                      [f"{bitext}.deu", f"{bitext}.eng"])
    theirs = peer("crosslingual", "--corpus", "tatoeba")
    for one, other, key, need in (("deu", "eng", "tatoeba_deu2eng", 95),
                                  ("eng", "deu", "tatoeba_eng2deu", 95.5)):
        s.row(f"Tatoeba, one epoch: nearest neighbour, {one} to {other}",
              figure(s, bilingual, f"bitext:{bitext}", f"accuracy {one} to {other}"), "%",
              peers={"sentence-transformers": theirs.get(key)}, need=need)
    s.row("its training with loading, the vocabulary apart", bilingual and bilingual["seconds"], "s",
          peers={"sentence-transformers": theirs.get("train_s")}, lower_is_better=True, need=6)

    reviews = f"transfer:{s.data}/imdb-reviews-8k/reviews.tsv"
    documents = learn(s, "static-documents", text_data.reviews(s.data), [], *vocabulary)
    tf_idf = peer("doc_transfer", "tfidf").get("accuracy_mean_std", {})
    for encoder, run in (("no labels, no teacher", documents), ("with the teacher", distilled)):
        for share, need in (("1%", 67), ("10%", 77), ("100%", 82)):
            s.row(f"IMDB reviews, {share} of the labels, {encoder}",
                  figure(s, run, reviews, "accuracy", share, "--seeds", "5"), "%",
                  peers={"TF-IDF": tf_idf.get(share, [None])[0]},
                  need=need if run is documents else None)


def learn(s, recipe, data, excluded, *more):
    """The result of `vistas train` with a recipe for texts; None after a failure."""
    excluded = ", ".join(f'"{path}"' for path in excluded)
    return s.vistas("train", f"recipes/text/{recipe}.toml", "--data", data, "--out",
                    s.fresh_run(recipe), "--set", f"data.exclude=[{excluded}]", *more)


def figure(s, trained, task, measure, labels="", *more):
    """A measure of a run in percent; None after a failure."""
    shares = ["--labels", labels] if labels else []
    result = trained and s.vistas("eval", trained["run"], "--tasks", task, *shares, *more)
    return result and next(100 * row["mean"] for row in result["rows"]
                           if row["measure"] == measure and row["labels"] == labels)


QUICK = [views, step, optim, loss, loader, start, sources, interactions, measure, ranking, graph,
         dense, tokenize, encode, static, finetune]
LONG = [cache, quality, demo, texts, recommend, baselines]  # some minutes each
