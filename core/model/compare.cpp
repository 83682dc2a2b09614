#include "model/compare.h"

#include "base/shape.h"
#include "model/pickle.h"

#include <ATen/ops/equal.h>
#include <c10/core/ScalarType.h>
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <set>

namespace ptk::model {

namespace {

constexpr std::size_t most_shown = 5;
constexpr double first_counts = 20; ///< times as much as a tensor far from the input

/// Numbers that PtychoPINN's training module keeps next to its network.
bool belongs_to_training(const std::string& name)
{
    static constexpr std::array<const char*, 3> parts{"forward_model.", "rect_scaler.", "log_scale"};
    return std::any_of(parts.begin(), parts.end(),
                       [&](const char* part) { return name.find(part) != std::string::npos; });
}

/// PtychoPINN lists a network twice, as "model.autoencoder" and "model.generator": an equal second copy is no error.
bool is_copy(const std::string& name, const at::Tensor& tensor, const TensorMap& own)
{
    for (std::size_t at = name.find('.'); at != std::string::npos; at = name.find('.', at + 1))
        if (const auto place = own.find(name.substr(at + 1)); place != own.end())
            return place->second.scalar_type() == tensor.scalar_type() && at::equal(place->second, tensor);
    return false;
}

std::string text_of(const at::Tensor& tensor)
{
    return base::shape_of(tensor) + " " + c10::toString(tensor.scalar_type());
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

/// Calls back for what differs, and for every tensor of the network; the same walk for the texts and for the cost.
template <class Missing, class Mismatch, class Unexpected, class Next>
void walk(generators::Module& network, const TensorMap& found, const Missing& missing, const Mismatch& mismatched,
          const Unexpected& unexpected, const Next& next)
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
        next();
    }
    for (const auto& [name, tensor] : found)
        if (!known.contains(name))
            unexpected(name);
}

} // namespace

SortedTensors sort_tensors(const TensorMap& tensors, const std::string& prefix)
{
    SortedTensors result;
    for (const auto& [name, tensor] : tensors)
        if (name.starts_with(prefix) && !belongs_to_training(name))
            result.own[name.substr(prefix.size())] = tensor;
    for (const auto& [name, tensor] : tensors) {
        if (belongs_to_training(name))
            result.left_out.push_back(printable(name));
        else if (!name.starts_with(prefix) && !is_copy(name, tensor, result.own))
            result.unexpected.push_back(printable(name));
    }
    return result;
}

bool can_become(const at::Tensor& found, const at::Tensor& expected)
{
    if (same_kind(found.scalar_type(), expected.scalar_type()))
        return found.sizes() == expected.sizes();
    const bool pairs =
        expected.is_complex() && found.is_floating_point() && found.dim() == expected.dim() + 1 && found.size(-1) == 2;
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
        },
        [&](const std::string& name) { difference.unexpected.push_back(printable(name)); }, [] {});
    return difference;
}

double distance(generators::Module& network, const TensorMap& found)
{
    double names = 0;
    double lengths = 0;
    double rank = 1; // of a mismatch, in the network's order
    walk(
        network, found, [&](const std::string&) { names += 1; },
        [&](const std::string&, const at::Tensor& is, const at::Tensor& expected) {
            lengths += mismatch(is, expected) * (1 + first_counts / rank);
        },
        [&](const std::string&) { names += 1; }, [&] { rank += 1; });
    return name_distance * names + lengths;
}

} // namespace ptk::model
