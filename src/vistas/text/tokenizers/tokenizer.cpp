#include "vistas/text/tokenizers/tokenizer.h"

#include <fmt/format.h>

#include <algorithm>

#include "vistas/base/error.h"
#include "vistas/base/threads.h"

namespace vistas::text {
namespace {

constexpr int64_t kTextsAtATime = 256;

TokenizedTexts tokenize_some(const Tokenizer& tokenizer, std::span<const std::string_view> texts,
                             int64_t max_length, bool marks) {
  const SpecialTokens special = marks ? tokenizer.special() : SpecialTokens{};
  TokenizedTexts out;
  out.offsets.reserve(texts.size() + 1);
  for (const std::string_view text : texts) {
    if (special.begin >= 0) out.ids.push_back(special.begin);
    tokenizer.append(text, out.ids);
    const int64_t longest = out.offsets.back() + max_length - (special.end >= 0);
    if (static_cast<int64_t>(out.ids.size()) > longest) {
      out.ids.resize(static_cast<size_t>(longest));
      ++out.truncated;
    }
    if (special.end >= 0) out.ids.push_back(special.end);
    out.offsets.push_back(static_cast<int64_t>(out.ids.size()));
  }
  return out;
}

}  // namespace

std::span<const int32_t> TokenizedTexts::operator[](int64_t i) const {
  const auto at = static_cast<size_t>(i);
  return std::span(ids).subspan(static_cast<size_t>(offsets[at]),
                                static_cast<size_t>(offsets[at + 1] - offsets[at]));
}

TokenizedTexts tokenize(const Tokenizer& tokenizer, std::span<const std::string_view> texts,
                        int64_t max_length, int threads, bool marks) {
  if (max_length < 3) {
    throw Error(ErrorKind::usage, {.what = "longest text in tokens",
                                   .got = fmt::to_string(max_length),
                                   .expected = "3 or more, begin and end among them"});
  }
  const auto count = static_cast<int64_t>(texts.size());
  const int64_t parts = (count + kTextsAtATime - 1) / kTextsAtATime;
  std::vector<TokenizedTexts> done(static_cast<size_t>(parts));
  parallel_for(parts, threads, [&](int64_t part, int) {
    const int64_t begin = part * kTextsAtATime, end = std::min(begin + kTextsAtATime, count);
    done[static_cast<size_t>(part)] = tokenize_some(
        tokenizer, texts.subspan(static_cast<size_t>(begin), static_cast<size_t>(end - begin)),
        max_length, marks);
  });
  TokenizedTexts out;
  size_t ids = 0;
  for (const TokenizedTexts& part : done) ids += part.ids.size();
  out.ids.reserve(ids);
  out.offsets.reserve(texts.size() + 1);
  for (const TokenizedTexts& part : done) {
    const auto before = static_cast<int64_t>(out.ids.size());
    out.ids.insert(out.ids.end(), part.ids.begin(), part.ids.end());
    for (size_t i = 1; i < part.offsets.size(); ++i)
      out.offsets.push_back(before + part.offsets[i]);
    out.truncated += part.truncated;
  }
  return out;
}

}  // namespace vistas::text
