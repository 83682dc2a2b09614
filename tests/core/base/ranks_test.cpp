#include "base/error.h"
#include "base/ranks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

namespace ptk::base {
namespace {

std::optional<Rank> found(const std::map<std::string, std::string>& environment, bool any_slurm = false)
{
    return rank_of_process(any_slurm, [&](const char* name) {
        const auto value = environment.find(name);
        return value == environment.end() ? nullptr : value->second.c_str();
    });
}

std::string error(const std::map<std::string, std::string>& environment)
{
    try {
        found(environment);
    } catch (const Error& error) {
        EXPECT_EQ(error.status(), Status::InvalidConfig);
        return error.message();
    }
    return "no error";
}

TEST(Ranks, AreThoseOfTorchrun)
{
    const auto rank = found({{"RANK", "5"},
                             {"WORLD_SIZE", "8"},
                             {"LOCAL_RANK", "1"},
                             {"LOCAL_WORLD_SIZE", "4"},
                             {"MASTER_ADDR", "node7"},
                             {"MASTER_PORT", "4000"},
                             {"TORCHELASTIC_USE_AGENT_STORE", "True"},
                             {"TORCHELASTIC_RESTART_COUNT", "2"}});
    ASSERT_TRUE(rank);
    EXPECT_EQ(rank->rank, 5);
    EXPECT_EQ(rank->size, 8);
    EXPECT_EQ(rank->local_rank, 1);
    EXPECT_EQ(rank->address, "node7");
    EXPECT_EQ(rank->port, 4000);
    EXPECT_TRUE(rank->served);
    EXPECT_EQ(rank->attempt, "2");
}

TEST(Ranks, AreThoseOfMpiAndMeetOnThisMachineWhenAllAreOnIt)
{
    const auto open_mpi = found({{"OMPI_COMM_WORLD_RANK", "1"},
                                 {"OMPI_COMM_WORLD_SIZE", "2"},
                                 {"OMPI_COMM_WORLD_LOCAL_RANK", "1"},
                                 {"OMPI_COMM_WORLD_LOCAL_SIZE", "2"}});
    ASSERT_TRUE(open_mpi);
    EXPECT_EQ(open_mpi->rank, 1);
    EXPECT_EQ(open_mpi->address, "127.0.0.1");
    EXPECT_EQ(open_mpi->port, 29500);
    EXPECT_FALSE(open_mpi->served);
    const auto mpich = found({{"PMI_RANK", "0"}, {"PMI_SIZE", "3"}});
    ASSERT_TRUE(mpich);
    EXPECT_EQ(mpich->size, 3);
    EXPECT_EQ(mpich->address, "") << "they may be anywhere";
}

TEST(Ranks, OfSlurmAreThoseOfAStep)
{
    std::map<std::string, std::string> batch_script{{"SLURM_PROCID", "0"}, {"SLURM_NTASKS", "4"}};
    EXPECT_FALSE(found(batch_script)) << "one program in a job of four tasks";
    EXPECT_EQ(found(batch_script, /*any_slurm=*/true)->size, 4);
    auto step = batch_script;
    step["SLURM_STEP_NUM_TASKS"] = "4";
    step["SLURM_STEP_NUM_NODES"] = "1";
    step["SLURM_PROCID"] = step["SLURM_LOCALID"] = "3";
    ASSERT_TRUE(found(step));
    EXPECT_EQ(found(step)->local_rank, 3);
    EXPECT_EQ(found(step)->address, "127.0.0.1");
}

TEST(Ranks, OneProcessIsNone)
{
    EXPECT_FALSE(found({}));
    EXPECT_FALSE(found({{"RANK", "0"}, {"WORLD_SIZE", "1"}}));
    EXPECT_FALSE(found({{"RANK", "3"}})) << "of nobody knows how many";
}

TEST(Ranks, ThatCannotBeAreRefusedByName)
{
    using ::testing::HasSubstr;
    EXPECT_THAT(error({{"RANK", "two"}, {"WORLD_SIZE", "4"}}), HasSubstr("RANK is 'two', expected a whole number"));
    EXPECT_THAT(error({{"PMI_RANK", "1"}, {"PMI_SIZE", "-2"}}), HasSubstr("PMI_SIZE is '-2'"));
    EXPECT_THAT(error({{"RANK", "4"}, {"WORLD_SIZE", "4"}}), HasSubstr("RANK is 4, expected less than WORLD_SIZE"));
    EXPECT_THAT(error({{"RANK", "1"}, {"WORLD_SIZE", "4"}, {"MASTER_PORT", "70000"}}),
                HasSubstr("MASTER_PORT is 70000"));
}

} // namespace
} // namespace ptk::base
