#pragma once
#include "generators/module.h"

#include <map>
#include <string>
#include <vector>

namespace ptk::model {

using TensorMap = std::map<std::string, at::Tensor>;

/// True when the values of @p found can become those of a tensor like @p expected: the same shape, and both real, both
/// complex or both whole numbers; or real pairs, (..., 2), for complex ones.
bool can_become(const at::Tensor& found, const at::Tensor& expected);

/// What a file holds, as far as a network is concerned whose names in it begin with a prefix.
struct SortedTensors {
    TensorMap own{};                       ///< under the prefix, without it
    std::vector<std::string> left_out{};   ///< numbers of PtychoPINN's training module that are not the network's
    std::vector<std::string> unexpected{}; ///< all others but second copies with equal values
};
SortedTensors sort_tensors(const TensorMap& tensors, const std::string& prefix);

/// How tensors of a file differ from those of a network.
struct Difference {
    std::vector<std::string> missing{};
    std::vector<std::string> unexpected{};
    std::vector<std::string> mismatched{}; ///< with both shapes
    bool none() const { return missing.empty() && unexpected.empty() && mismatched.empty(); }
    /// "2 missing ('a', 'b'); 14 unexpected ('c', 'd', 'e' and 11 more)".
    std::string text() const;
};

/// Compare by names. A tensor that a network has under several names may have any of them in the file.
/// @param found  names as the network has them, without a prefix
Difference compare(generators::Module& network, const TensorMap& found);

/// A name that only one side has, in distance().
inline constexpr double name_distance = 1000;

/// For a search: 0 when they do not differ, else the larger, the more names differ, and, of those that do not, the more
/// lengths, which never outweigh a name in networks of usual size. What comes first in the network counts most, because
/// what follows depends on it.
double distance(generators::Module& network, const TensorMap& found);

/// All names of each of a network's parameters and buffers, the first one first.
std::vector<std::pair<at::Tensor*, std::vector<std::string>>> names_of_tensors(generators::Module& network);

} // namespace ptk::model
