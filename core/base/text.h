#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace ptk::base {

/// The candidate with the smallest edit distance to @p word, or "" when none is near (more than a third of its letters
/// off).
std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates);

/// "; did you mean 'x'?" or "".
std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates);

/// What lies between separators, without what is empty.
std::vector<std::string> parts_of(const std::string& text, char separator);

} // namespace ptk::base
