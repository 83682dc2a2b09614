#pragma once
#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <functional>
#include <string>

namespace ptk::testing_data {

inline config::Settings settings(const std::string& json = "{}")
{
    return config::Settings(config::library_schema(), config::Config::from_json(json));
}

/// A test with a folder of its own.
class ScratchTest : public testing::Test {
protected:
    std::filesystem::path folder =
        std::filesystem::path(testing::TempDir()) / ("ptk_data_" + std::to_string(::getpid()));
    void SetUp() override { std::filesystem::create_directories(folder); }
    void TearDown() override { std::filesystem::remove_all(folder); }
    std::string path(const std::string& name) const { return (folder / name).string(); }
};

/// Writes a file without waiting for the disk, as base::write_text() does: tests write thousands.
inline void save(const std::string& path, const std::string& content)
{
    std::ofstream(path, std::ios::binary) << content;
}

/// The action must throw this status with a message that holds @p part.
inline void expect_error(Status status, const std::string& part, const std::function<void()>& action)
{
    try {
        action();
        ADD_FAILURE() << "expected an error with '" << part << "'";
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), status) << error.message();
        EXPECT_THAT(error.message(), testing::HasSubstr(part));
    }
}

} // namespace ptk::testing_data
