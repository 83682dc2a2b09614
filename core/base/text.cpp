#include "base/text.h"

#include <algorithm>
#include <numeric>
#include <sstream>

namespace ptk::base {

namespace {

std::size_t edit_distance(std::string_view a, std::string_view b)
{
    std::vector<std::size_t> row(b.size() + 1);
    std::iota(row.begin(), row.end(), std::size_t{0});
    for (std::size_t i = 1; i <= a.size(); ++i) {
        std::size_t diagonal = row[0];
        row[0] = i;
        for (std::size_t j = 1; j <= b.size(); ++j) {
            const std::size_t substitution = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
            diagonal = row[j];
            row[j] = std::min({row[j] + 1, row[j - 1] + 1, substitution});
        }
    }
    return row.back();
}

std::string_view last_part(std::string_view dotted)
{
    const auto dot = dotted.rfind('.');
    return dot == std::string_view::npos ? dotted : dotted.substr(dot + 1);
}

} // namespace

std::string nearest_word(std::string_view word, const std::vector<std::string>& candidates)
{
    const std::string* best = nullptr;
    std::size_t best_distance = std::max<std::size_t>(2, word.size() / 3) + 1;
    for (const auto& candidate : candidates) {
        auto distance = edit_distance(word, candidate);
        // A key given without its section ("epochs") or in the wrong one is near to the key that ends so.
        if (last_part(word) == last_part(candidate))
            distance = std::min<std::size_t>(distance, 1);
        if (distance < best_distance) {
            best = &candidate;
            best_distance = distance;
        }
    }
    return best == nullptr ? std::string{} : *best;
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates)
{
    const auto near = nearest_word(word, candidates);
    return near.empty() ? std::string{} : "; did you mean '" + near + "'?";
}

std::vector<std::string> parts_of(const std::string& text, char separator)
{
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);)
        if (!part.empty())
            parts.push_back(part);
    return parts;
}

} // namespace ptk::base
