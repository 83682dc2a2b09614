#include "api.h"

#include <cstring>
#include <thread>

using namespace api;

namespace {

TEST(Errors, BelongToTheirThread)
{
    const auto ctx = context();
    Model model;
    expect_error(ptk_model_create(model.out(), ctx, -5, nullptr), PTK_ERR_SHAPE, {"ptk_model_create", "-5"});
    std::string before, after;
    ptk_status status = -1;
    std::thread([&] {
        before = ptk_last_error_message();
        status = ptk_last_error();
        Config config;
        EXPECT_EQ(ptk_config_from_json(config.out(), "[1"), PTK_ERR_INVALID_CONFIG);
        after = ptk_last_error_message();
    }).join();
    EXPECT_EQ(before, "");
    EXPECT_EQ(status, PTK_OK);
    EXPECT_NE(after.find("ptk_config_from_json"), std::string::npos);
    EXPECT_NE(std::string(ptk_last_error_message()).find("-5"), std::string::npos)
        << "the other thread's failure came here";
    EXPECT_EQ(ptk_last_error(), PTK_ERR_SHAPE);
}

TEST(Errors, LongMessagesAreCutBetweenCharacters)
{
    // 3 bytes a character: 1023 is 341 of them, but the mark of the cut needs room too.
    std::string text;
    for (int i = 0; i < 1000; ++i)
        text += "\xe2\x82\xac";
    ptk_set_error_message(text.c_str());
    const std::string message = ptk_last_error_message();
    EXPECT_EQ(message.size(), 340U * 3 + 3);
    EXPECT_TRUE(message.ends_with("\xe2\x82\xac..."));
    ptk_set_error_message("fits");
    EXPECT_STREQ(ptk_last_error_message(), "fits");
    EXPECT_EQ(ptk_last_error(), PTK_ERR_CALLBACK);
}

TEST(Errors, EveryStatusHasItsName)
{
    for (int code = PTK_OK; code <= PTK_ERR_CALLBACK; ++code)
        EXPECT_NE(std::string(ptk_status_name(static_cast<ptk_status_code>(code))), "unknown status") << code;
    EXPECT_STREQ(ptk_status_name(static_cast<ptk_status_code>(17)), "unknown status");
}

TEST(Texts, FollowTheTwoCallPattern)
{
    const auto ctx = context();
    std::size_t needed = 0;
    ok(ptk_generator_list(ctx, nullptr, 0, &needed));
    ASSERT_GT(needed, 2U);
    std::string buffer(needed, '?');
    expect_error(ptk_generator_list(ctx, buffer.data(), needed - 1, &needed), PTK_ERR_BUFFER_TOO_SMALL,
                 {std::to_string(buffer.size())});
    EXPECT_EQ(buffer[0], '\0');
    EXPECT_EQ(buffer[1], '?') << "a text that does not fit must not be written";
    EXPECT_EQ(needed, buffer.size());
    ok(ptk_generator_list(ctx, buffer.data(), needed, &needed));
    EXPECT_EQ(std::strlen(buffer.data()) + 1, needed);
    std::int64_t lengths[PTK_MAX_NDIM];
    std::int32_t ndim = 0;
    Experiment data(ctx);
    const auto dataset = data.dataset(ctx);
    expect_error(ptk_dataset_shape(dataset, "patterns", lengths, 2, &ndim), PTK_ERR_BUFFER_TOO_SMALL);
    EXPECT_EQ(ndim, 3);
}

TEST(Version, OfHeaderAndLibraryAgree)
{
    std::int32_t major = -1, minor = -1, patch = -1;
    ptk_version(&major, &minor, &patch);
    EXPECT_EQ(major, PTK_VERSION_MAJOR);
    EXPECT_EQ(minor, PTK_VERSION_MINOR);
    EXPECT_EQ(patch, PTK_VERSION_PATCH);
    const auto info = Json::parse(ptk_build_info());
    EXPECT_EQ(info["version"], std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch));
    for (const char* key : {"libtorch", "hdf5", "compiler"})
        EXPECT_FALSE(info[key].get<std::string>().empty()) << key;
}

} // namespace
