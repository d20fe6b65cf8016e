#include "vistas/text/views/text_views.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "vistas/base/error.h"

namespace vistas::text {
namespace {

// Where only one side is changed in the work that a recipe is from, the first view is the text.
bool changes_first(const TextViewOptions& options) {
  if (options.changed != "auto") return options.changed == "all";
  switch (options.recipe) {
    case TextRecipe::deletion:
    case TextRecipe::delete_one:
    case TextRecipe::repetition:
      return false;
    default:
      return true;
  }
}

}  // namespace

void TextViewOptions::fields(Fields& f) {
  f.add("recipe", recipe, "what is done with the words of a text to make its views",
        {{"dropout", TextRecipe::dropout},
         {"deletion", TextRecipe::deletion},
         {"delete_one", TextRecipe::delete_one},
         {"span", TextRecipe::span},
         {"crop", TextRecipe::crop},
         {"swap", TextRecipe::swap},
         {"shuffle", TextRecipe::shuffle},
         {"cutoff", TextRecipe::cutoff},
         {"repetition", TextRecipe::repetition}});
  f.add("count", count, "views of a text", {1, 16});
  f.add("rate", rate, "share of the words that is changed; -1: as published for the recipe",
        {-1, 1});
  f.add("crop", crop, "least and greatest share of the words that a crop keeps", {0, 1});
  f.add("changed", changed,
        "all views or all but the first, which is then the text as it is; auto: as published",
        {"auto", "all", "others"});
}

double published_rate(TextRecipe recipe) {
  switch (recipe) {
    case TextRecipe::cutoff:
      return 0.15;
    case TextRecipe::repetition:
      return 0.32;
    case TextRecipe::shuffle:
      return 1;
    default:
      return 0.1;
  }
}

TextViews::TextViews(const TextViewOptions& options, const Tokenizer& tokenizer)
    : options_(options),
      begin_(tokenizer.special().begin),
      end_(tokenizer.special().end),
      mask_(tokenizer.special().mask) {
  if (options_.crop.size() != 2 || options_.crop[0] > options_.crop[1]) {
    throw Error(ErrorKind::usage, {.what = "share that a crop keeps",
                                   .got = fmt::format("{} numbers", options_.crop.size()),
                                   .expected = "two numbers, the least and the greatest"});
  }
  if (options_.rate < 0) options_.rate = published_rate(options_.recipe);
  if (mask_ < 0) mask_ = tokenizer.special().unknown;
  if (options_.recipe == TextRecipe::cutoff && mask_ < 0) {
    throw Error(ErrorKind::usage, {.what = "views of recipe cutoff",
                                   .got = "a vocabulary without a mask and an unknown token",
                                   .expected = "one of them"});
  }
  continues_.resize(static_cast<size_t>(tokenizer.vocabulary_size()));
  for (size_t id = 0; id < continues_.size(); ++id) {
    continues_[id] = tokenizer.continues_word(static_cast<int32_t>(id));
  }
}

// The words of one text and the draws of one view of it.
class TextViews::Words {
 public:
  Words(const TextViews& views, std::span<const int32_t> ids, const DrawKey& key,
        std::vector<int32_t>& out)
      : continues_(views.continues_), ids_(ids), draws_(key), out_(out) {
    for (size_t at = 0; at < ids.size(); at = end_of(at)) ++count_;
  }

  int64_t count() const { return count_; }

  void take_all() { out_.insert(out_.end(), ids_.begin(), ids_.end()); }

  // In a text of which every word is chosen, one that is drawn is not.
  template <class Chosen>
  void each(double rate, const Chosen& chosen) {
    const size_t before = out_.size();
    int64_t left = 0;
    for_words([&](std::span<const int32_t> word) {
      const bool hit = draws_.chance(rate);
      left += !hit;
      if (hit) {
        chosen(word);
      } else {
        append(word);
      }
    });
    if (left > 0 || count_ == 0) return;
    out_.resize(before);
    const int64_t kept = draws_.below(count_);
    int64_t number = 0;
    for_words([&](std::span<const int32_t> word) {
      if (number++ == kept) {
        append(word);
      } else {
        chosen(word);
      }
    });
  }

  // `length` words that follow each other, anywhere: they alone stay, or they alone go.
  void span(int64_t length, bool stays) {
    length = std::clamp<int64_t>(length, 1, stays ? count_ : count_ - 1);
    const int64_t first = draws_.below(count_ - length + 1);
    int64_t number = 0;
    for_words([&](std::span<const int32_t> word) {
      const bool inside = number >= first && number < first + length;
      if (inside == stays) append(word);
      ++number;
    });
  }

  // 0 .. most words, all choices of as many alike, stand there twice (Knuth, algorithm S).
  void repeat(int64_t most) {
    int64_t chosen = std::min(draws_.below(most + 1), count_), left = count_;
    for_words([&](std::span<const int32_t> word) {
      append(word);
      if (draws_.below(left--) < chosen) {
        append(word);
        --chosen;
      }
    });
  }

  void swap(int64_t times) {
    std::vector<size_t> starts = starts_of_words();
    for (; times > 0; --times) {
      const int64_t a = draws_.below(count_), b = draws_.below(count_ - 1);
      std::swap(starts[static_cast<size_t>(a)], starts[static_cast<size_t>(b + (b >= a))]);
    }
    append_all(starts);
  }

  void shuffle(int64_t chosen) {
    std::vector<size_t> starts = starts_of_words(), places;
    int64_t left = count_;
    for (size_t word = 0; word < starts.size(); ++word) {
      if (draws_.below(left--) < chosen - static_cast<int64_t>(places.size())) {
        places.push_back(word);
      }
    }
    for (size_t i = places.size(); i > 1; --i) {
      const auto j = static_cast<size_t>(draws_.below(static_cast<int64_t>(i)));
      std::swap(starts[places[i - 1]], starts[places[j]]);
    }
    append_all(starts);
  }

  double uniform(double low, double high) { return draws_.uniform(low, high); }

 private:
  // Ids beyond the vocabulary are words of their own.
  bool continues(int32_t id) const {
    return static_cast<size_t>(id) < continues_.size() && continues_[static_cast<size_t>(id)];
  }
  // Where the word at `at` ends; the first of a text may begin with a token that goes on.
  size_t end_of(size_t at) const {
    for (++at; at < ids_.size() && continues(ids_[at]);) ++at;
    return at;
  }
  template <class Do>
  void for_words(const Do& work) const {
    for (size_t at = 0, end = 0; at < ids_.size(); at = end) {
      end = end_of(at);
      work(ids_.subspan(at, end - at));
    }
  }
  void append(std::span<const int32_t> word) { out_.insert(out_.end(), word.begin(), word.end()); }

  std::vector<size_t> starts_of_words() const {
    std::vector<size_t> starts;
    starts.reserve(static_cast<size_t>(count_));
    for (size_t at = 0; at < ids_.size(); at = end_of(at)) starts.push_back(at);
    return starts;
  }
  void append_all(const std::vector<size_t>& starts) {
    for (const size_t at : starts) append(ids_.subspan(at, end_of(at) - at));
  }

  const std::vector<uint8_t>& continues_;
  std::span<const int32_t> ids_;
  Draws draws_;
  std::vector<int32_t>& out_;
  int64_t count_ = 0;
};

void TextViews::make(std::span<const int32_t> ids, const DrawKey& key, int view,
                     std::vector<int32_t>& out) const {
  out.clear();
  const bool begins = !ids.empty() && begin_ >= 0 && ids.front() == begin_;
  if (begins) out.push_back(begin_);
  ids = ids.subspan(begins);
  const bool ends = !ids.empty() && end_ >= 0 && ids.back() == end_;
  ids = ids.first(ids.size() - ends);

  Words words(*this, ids, {key.seed, key.epoch, key.sample, static_cast<uint32_t>(view)}, out);
  const int64_t n = words.count();
  const double share = options_.rate * static_cast<double>(n);
  const auto floored = static_cast<int64_t>(share), rounded = std::lround(share);
  const auto mask = [&](std::span<const int32_t> word) {
    out.insert(out.end(), word.size(), mask_);
  };
  TextRecipe recipe = options_.recipe;
  if (n < 2 && recipe != TextRecipe::repetition) recipe = TextRecipe::dropout;
  if (view == 0 && !changes_first(options_)) recipe = TextRecipe::dropout;
  switch (recipe) {
    case TextRecipe::dropout:
      words.take_all();
      break;
    case TextRecipe::deletion:
      words.each(options_.rate, [](std::span<const int32_t>) {});
      break;
    case TextRecipe::delete_one:
      words.span(1, false);
      break;
    case TextRecipe::span:
      words.span(rounded, false);
      break;
    case TextRecipe::crop: {
      const double kept = words.uniform(options_.crop[0], options_.crop[1]);
      words.span(static_cast<int64_t>(kept * static_cast<double>(n)), true);
      break;
    }
    case TextRecipe::swap:
      words.swap(std::max<int64_t>(1, floored));
      break;
    case TextRecipe::shuffle:
      words.shuffle(rounded);
      break;
    case TextRecipe::cutoff:
      words.each(options_.rate, mask);
      break;
    case TextRecipe::repetition:
      words.repeat(std::max<int64_t>(2, floored));
      break;
  }
  if (ends) out.push_back(end_);
}

}  // namespace vistas::text
