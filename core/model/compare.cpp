#include "model/compare.h"

#include "base/text.h"
#include "model/pickle.h"

#include <c10/core/ScalarType.h>
#include <fmt/core.h>

#include <algorithm>
#include <set>

namespace ptk::model {

namespace {

constexpr std::size_t most_shown = 5;

std::string text_of(const at::Tensor& tensor)
{
    return base::shape_text({tensor.sizes().begin(), tensor.sizes().end()}) + " " +
           c10::toString(tensor.scalar_type());
}

bool same_kind(at::ScalarType a, at::ScalarType b)
{
    if (c10::isComplexType(a) || c10::isComplexType(b))
        return c10::isComplexType(a) && c10::isComplexType(b);
    return c10::isFloatingType(a) == c10::isFloatingType(b);
}

/// Between 0.1 and 0.9: the share of lengths that differ.
double mismatch(const at::Tensor& found, const at::Tensor& expected)
{
    if (found.dim() != expected.dim() || found.dim() == 0)
        return 0.9;
    double differing = 0;
    for (std::int64_t i = 0; i < found.dim(); ++i)
        differing += found.size(i) == expected.size(i) ? 0 : 1;
    return 0.1 + 0.8 * differing / static_cast<double>(found.dim());
}

void add(std::string& text, const std::vector<std::string>& names, const char* what, bool quoted)
{
    if (names.empty())
        return;
    std::string list;
    for (std::size_t i = 0; i < std::min(names.size(), most_shown); ++i)
        list += (i > 0 ? ", " : "") + (quoted ? "'" + names[i] + "'" : names[i]);
    if (names.size() > most_shown)
        list += fmt::format(" and {} more", names.size() - most_shown);
    text += fmt::format("{}{} {} ({})", text.empty() ? "" : "; ", names.size(), what, list);
}

/// Calls back for what differs; the same walk for the texts and for the cost alone.
template <class Missing, class Mismatch, class Unexpected>
void walk(generators::Module& network, const TensorMap& found, const Missing& missing, const Mismatch& mismatched,
          const Unexpected& unexpected)
{
    std::set<std::string_view> known;
    const auto tensors = names_of_tensors(network);
    for (const auto& [tensor, names] : tensors) {
        bool there = false;
        for (const auto& name : names) {
            known.insert(name);
            const auto place = found.find(name);
            if (place == found.end())
                continue;
            there = true;
            if (!can_become(place->second, *tensor))
                mismatched(name, place->second, *tensor);
        }
        if (!there)
            missing(names.front());
    }
    for (const auto& [name, tensor] : found)
        if (!known.contains(name))
            unexpected(name);
}

} // namespace

bool can_become(const at::Tensor& found, const at::Tensor& expected)
{
    if (same_kind(found.scalar_type(), expected.scalar_type()))
        return found.sizes() == expected.sizes();
    const bool pairs = expected.is_complex() && found.is_floating_point() && found.dim() == expected.dim() + 1 &&
                       found.size(-1) == 2;
    return pairs && found.sizes().slice(0, static_cast<std::size_t>(expected.dim())) == expected.sizes();
}

std::vector<std::pair<at::Tensor*, std::vector<std::string>>> names_of_tensors(generators::Module& network)
{
    std::vector<std::pair<at::Tensor*, std::vector<std::string>>> tensors;
    std::map<at::Tensor*, std::size_t> index;
    for (const auto& list : {network.named_parameters(), network.named_buffers(), network.named_aliases()})
        for (const auto& [name, tensor] : list) {
            const auto [place, fresh] = index.emplace(tensor, tensors.size());
            if (fresh)
                tensors.push_back({tensor, {}});
            tensors[place->second].second.push_back(name);
        }
    return tensors;
}

std::string Difference::text() const
{
    std::string all;
    add(all, missing, "missing", true);
    add(all, unexpected, "unexpected", true);
    add(all, mismatched, "of another shape or type", false);
    return all;
}

Difference compare(generators::Module& network, const TensorMap& found)
{
    Difference difference;
    walk(
        network, found, [&](const std::string& name) { difference.missing.push_back(name); },
        [&](const std::string& name, const at::Tensor& is, const at::Tensor& expected) {
            difference.mismatched.push_back(
                fmt::format("'{}' is {}, expected {}", name, text_of(is), text_of(expected)));
            difference.cost += mismatch(is, expected);
        },
        [&](const std::string& name) { difference.unexpected.push_back(printable(name)); });
    difference.cost += static_cast<double>(difference.missing.size() + difference.unexpected.size());
    return difference;
}

double distance(generators::Module& network, const TensorMap& found)
{
    double cost = 0;
    walk(
        network, found, [&](const std::string&) { cost += 1; },
        [&](const std::string&, const at::Tensor& is, const at::Tensor& expected) { cost += mismatch(is, expected); },
        [&](const std::string&) { cost += 1; });
    return cost;
}

} // namespace ptk::model
