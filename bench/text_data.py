"""Files of texts to train on, made of the data sets that ./dev data restores. Nothing is filtered
here: data.exclude keeps texts that are measured out of training."""
import csv
import gzip
import itertools
import random


def lines(path):
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8", newline="\n") as file:
        return file.read().split("\n")[:-1]


def write(data, name, rows):
    path = data / "texts" / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("".join(row + "\n" for row in rows), encoding="utf-8")
    return path


def plain(text):
    return " ".join(text.lower().split())


def sts_sentences(data, *splits):
    for split in splits:
        with open(data / f"stsb/en-{split}.csv", encoding="utf-8", newline="") as file:
            for first, second, _ in csv.reader(file):
                yield from (first, second)


def captions(data):
    """The five captions of each picture of Multi30k."""
    return zip(*(lines(data / f"multi30k/train.{number}.en.gz") for number in range(1, 6)))


def caption_pairs(data):
    """60,000 pairs of captions of one picture, chosen as the peers choose them: among captions that
    are no sentence of the STS-B splits that are measured."""
    measured = {plain(text) for text in sts_sentences(data, "test", "dev")}
    pictures = [[c for c in row if c.strip() and plain(c) not in measured] for row in captions(data)]
    pairs = [pair for row in pictures for pair in itertools.combinations(row, 2)]
    random.Random(1).shuffle(pairs)
    return write(data, "multi30k-pairs.tsv",
                 ("\t".join(c.replace("\t", " ") for c in pair) for pair in pairs[:60000]))


def translations(data):
    """All pairs of Tatoeba, German and English."""
    rows = (line.split("\t")[:2] for line in lines(data / "tatoeba-deu-eng/deu.txt"))
    return write(data, "deu-eng.tsv", (f"{german.strip()}\t{english.strip()}"
                                       for english, german in rows))


def reviews(data):
    """The training reviews of IMDB without their labels."""
    rows = (line.split("\t", 2) for line in lines(data / "imdb-reviews-8k/reviews.tsv")[1:])
    return write(data, "imdb-train.txt", (text for split, _, text in rows if split == "train"))


def english(data, model):
    """About 150,000 English texts: the words of a vocabulary and sentences of all data sets here."""
    with open(f"{model}/vocab.txt", encoding="utf-8") as file:
        words = [word.strip() for word in file]
    texts = [word for word in words if word.isalpha()]
    texts += sts_sentences(data, "train")
    texts += itertools.chain.from_iterable(row[:2] for row in captions(data))
    tatoeba = dict.fromkeys(line.split("\t")[0] for line in lines(data / "tatoeba-deu-eng/deu.txt"))
    texts += random.Random(1).sample(list(tatoeba), 50000)
    texts += lines(data / "imdb-sentences-300k/sentences.txt")[:25000]
    return write(data, "english.txt", dict.fromkeys(t.replace("\t", " ").strip() for t in texts))
