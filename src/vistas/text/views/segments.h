// Parts of a document that can stand for each other: its sentences, its paragraphs.
#pragma once

#include <string_view>
#include <vector>

namespace vistas::text {

// A sentence ends with . ! ? or their wide forms, with what closes quotes and brackets behind them,
// before a space and what may begin a sentence: no lower-case letter. Wide marks need no space. A
// dot after a single letter or one of a few abbreviations ("Mr.", "e.g.") ends none; a paragraph
// ends one without a mark. Spaces around sentences are not part of them; there are none without a
// letter or a number.
std::vector<std::string_view> sentences_of(std::string_view text);

// What line breaks part, those of HTML (<br>) too, without spaces around it.
std::vector<std::string_view> paragraphs_of(std::string_view text);

}  // namespace vistas::text
