#pragma once
#include <ATen/core/Tensor.h>
#include <nlohmann/json.hpp>

#include <map>
#include <string>
#include <vector>

/// Fixtures computed with PtychoPINN: tests/data/golden, or the folder in PTYCHOKIT_GOLDEN_DIR.
namespace ptk::golden {

/// One file of numbers with what cases.json says of it.
struct Case {
    std::string file;
    std::string generator;  ///< "" where the case is none
    nlohmann::json options; ///< by the reference's names; an empty object where there are none
    double tolerance = 0;   ///< max|d| <= tolerance * max(1, max|ref|); 0 where the case states its own in words
    std::map<std::string, at::Tensor> arrays;

    /// Fails the test and throws when the key is missing.
    at::Tensor at(const std::string& key) const;
    bool has(const std::string& key) const { return arrays.contains(key); }
};

/// A missing file ends the test and marks it as skipped.
/// @param file  as in the table, "group_c1.npz"
Case load(const std::string& file);

/// True when the file is there (for tests that run over several files).
bool exists(const std::string& file);

/// The cases of cases.json, each with "file", "pins", "configuration" and, mostly, "max_error", "generator", "options".
std::vector<nlohmann::json> table();

/// Largest absolute difference <= tolerance * max(1, largest magnitude expected); shapes equal; NaN fails.
void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance, const std::string& what);

} // namespace ptk::golden
