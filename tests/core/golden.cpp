#include "core/golden.h"

#include "base/atomic_file.h"
#include "data/npz.h"
#include "paths.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

namespace ptk::golden {

namespace {

std::filesystem::path folder()
{
    const char* given = std::getenv("PTYCHOKIT_GOLDEN_DIR");
    return given != nullptr && *given != '\0' ? std::filesystem::path(given)
                                              : std::filesystem::path(PTK_TEST_DATA) / "golden";
}

void mark_as_skipped(const std::string& why)
{
    GTEST_SKIP() << why;
}

/// GoogleTest takes this exception for an assertion that was reported already, and ends the test.
[[noreturn]] void skip_test(const std::string& why)
{
    mark_as_skipped(why);
    throw testing::AssertionException(
        testing::TestPartResult(testing::TestPartResult::kSkip, __FILE__, __LINE__, why.c_str()));
}

void fill_from_table(Case& result)
{
    for (const auto& entry : table()) {
        if (entry.at("file") != result.file)
            continue;
        if (entry.contains("generator") && entry["generator"].is_string())
            result.generator = entry["generator"];
        if (entry.contains("options"))
            result.options = entry["options"];
        if (entry.contains("max_error"))
            result.tolerance = entry["max_error"].at("absolute_or_relative_to_max");
    }
}

} // namespace

at::Tensor Case::at(const std::string& key) const
{
    const auto found = arrays.find(key);
    if (found == arrays.end())
        throw Error(Status::NotFound, file + ": has no array '" + key + "'");
    return found->second;
}

bool exists(const std::string& file)
{
    return std::filesystem::exists(folder() / file);
}

Case load(const std::string& file)
{
    if (!exists(file))
        skip_test("no golden file " + (folder() / file).string());
    Case result;
    result.file = file;
    result.options = nlohmann::json::object();
    fill_from_table(result);
    const auto archive = data::Npz::open((folder() / file).string());
    for (const auto& name : archive.names())
        result.arrays.emplace(name, archive.read(name));
    return result;
}

std::vector<nlohmann::json> table()
{
    const auto path = folder() / "cases.json";
    if (!std::filesystem::exists(path))
        return {};
    return nlohmann::json::parse(base::read_text(path)).at("cases").get<std::vector<nlohmann::json>>();
}

void expect_close(const at::Tensor& actual, const at::Tensor& expected, double tolerance, const std::string& what)
{
    ASSERT_TRUE(actual.defined()) << what;
    ASSERT_EQ(actual.sizes(), expected.sizes()) << what;
    if (expected.numel() == 0)
        return;
    const bool complex = actual.is_complex() || expected.is_complex();
    const auto type = complex ? at::kComplexDouble : at::kDouble;
    const auto a = actual.detach().cpu().to(type);
    const auto b = expected.detach().cpu().to(type);
    const double difference = (a - b).abs().max().item<double>();
    const double bound = tolerance * std::max(1.0, b.abs().max().item<double>());
    EXPECT_LE(difference, bound) << what; // false for NaN
}

} // namespace ptk::golden
