#include "base/device.h"
#include "core/parallel/ranks.h"
#include "parallel/nccl.h"

#include <ATen/ATen.h>
#include <gmock/gmock.h>

#include <atomic>
#include <chrono>

namespace ptk::parallel {
namespace {

using namespace std::chrono_literals;
using testing::error_of;
using testing::expect_no_errors;
using testing::free_port;
using testing::in_ranks;
using testing::rank_at;
using Clock = std::chrono::steady_clock;

/// Of many types, sizes and strides; the third is larger than a bucket. Different in every rank.
std::vector<at::Tensor> numbers_of(int rank)
{
    const auto random = at::make_generator<at::CPUGeneratorImpl>(100 + rank);
    return {at::randn({3, 5}, random),
            at::randn({7, 2}, random).t(),
            at::randn({1500000}, random),
            at::randn({4}, random, at::kDouble),
            at::randint(1 << 20, {6}, random, at::kLong),
            at::view_as_complex(at::randn({2, 3, 2}, random)),
            at::randn({2, 2}, random),
            at::empty({0})};
}

TEST(Group, SumsTensorsOfEveryKindToTheSameBits)
{
    constexpr int size = 3;
    std::vector<std::vector<at::Tensor>> sums(size);
    expect_no_errors(in_ranks(size, [&](GroupPtr group) {
        auto tensors = numbers_of(group->rank());
        group->sum(tensors);
        sums[static_cast<std::size_t>(group->rank())] = tensors;
    }));
    for (std::size_t i = 0; i < sums[0].size(); ++i) {
        auto expected = numbers_of(0)[i] + numbers_of(1)[i] + numbers_of(2)[i];
        EXPECT_TRUE(at::allclose(sums[0][i], expected, 1e-5, 1e-6)) << i;
        EXPECT_TRUE(at::equal(sums[1][i], sums[0][i]) && at::equal(sums[2][i], sums[0][i])) << i;
    }
}

TEST(Group, CopiesWhatTheFirstHas)
{
    expect_no_errors(in_ranks(2, [&](GroupPtr group) {
        auto tensors = numbers_of(group->rank());
        group->copy_from_first(tensors);
        const auto first = numbers_of(0);
        for (std::size_t i = 0; i < first.size(); ++i)
            EXPECT_TRUE(at::equal(tensors[i], first[i])) << i;
    }));
}

TEST(Group, MeetsAgainAtTheSamePlace)
{
    const auto port = free_port();
    std::atomic<int> sum = 0;
    const auto work = [&](int rank) {
        for (int again = 0; again < 3; ++again) {
            auto one = at::ones({1});
            join(rank_at(port, rank, 2), 30s)->sum({one});
            sum += one.item<int>();
        }
    };
    std::thread other([&] { work(1); });
    work(0);
    other.join();
    EXPECT_EQ(sum, 12);
}

TEST(Group, OneThatLeavesIsLostAtOnce)
{
    const auto began = Clock::now();
    const auto failures = in_ranks(2, [&](GroupPtr group) {
        auto one = at::ones({1});
        group->sum({one});
        if (group->rank() == 0)
            group->sum({one});
    });
    const auto [status, message] = error_of(failures[0]);
    EXPECT_EQ(status, Status::Device);
    EXPECT_THAT(message, ::testing::HasSubstr("rank 0 of 2 lost another one"));
    EXPECT_LT(Clock::now() - began, 20s) << "not the whole limit of a minute";
}

TEST(Group, OneThatHangsIsLostAfterTheLimit)
{
    const auto began = Clock::now();
    std::atomic<std::int64_t> waited = 0;
    const auto failures = in_ranks(
        2,
        [&](GroupPtr group) {
            auto one = at::ones({1});
            group->sum({one});
            if (group->rank() == 1) {
                std::this_thread::sleep_for(6s);
                return;
            }
            try {
                group->sum({one});
            } catch (const Lost&) {
                waited = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - began).count();
                throw;
            }
        },
        2s);
    EXPECT_THAT(error_of(failures[0]).second, ::testing::HasSubstr("longer than the 2 s of training.parallel_timeout"));
    EXPECT_GE(waited, 1900);
    EXPECT_LT(waited, 5000);
}

TEST(Group, OneThatNeverComesIsSaid)
{
    for (int rank : {0, 1})
        try {
            join(rank_at(free_port(), rank, 2), 2s);
            FAIL() << "rank " << rank << " met nobody";
        } catch (const Lost& error) {
            EXPECT_THAT(error.message(), ::testing::HasSubstr("of 2 (this test) did not meet the others at 127.0.0.1"));
        }
}

// ---- NCCL: what can be said without a CUDA device, and what needs one or two ----

testing::Meet by(Transport transport, const std::string& device = "cpu")
{
    return [=](const base::Rank& rank, std::chrono::milliseconds limit) {
        const auto name = device == "each" ? "cuda:" + std::to_string(rank.rank) : device;
        return join(rank, limit, base::open_device(name), transport);
    };
}

TEST(GroupTransport, NcclOnTheCpuIsRefusedInEveryRankWithTheReason)
{
    const auto failures = in_ranks(
        2, [](const GroupPtr&) {}, 30s, by(Transport::Nccl));
    for (const auto& failure : failures) {
        const auto [status, message] = error_of(failure);
        EXPECT_EQ(status, Status::InvalidConfig);
        EXPECT_THAT(message,
                    ::testing::HasSubstr("training.parallel_transport: NCCL is asked for, but cannot be used"));
        EXPECT_THAT(message, ::testing::HasSubstr("the model is on 'cpu'"));
    }
}

TEST(GroupTransport, OneThatWantsNcclAloneIsRefusedInEveryRank)
{
    const auto wishes = [](const base::Rank& rank, std::chrono::milliseconds limit) {
        return join(rank, limit, c10::kCPU, rank.rank == 1 ? Transport::Nccl : Transport::Gloo);
    };
    const auto failures = in_ranks(
        3, [](const GroupPtr&) {}, 30s, wishes);
    for (const auto& failure : failures)
        EXPECT_EQ(error_of(failure).first, Status::InvalidConfig);
    EXPECT_THAT(error_of(failures[0]).second, ::testing::HasSubstr("training.parallel_transport is 'gloo'"));
}

TEST(GroupTransport, OnTheCpuAutoIsGlooToTheSameBits)
{
    std::vector<std::vector<at::Tensor>> sums;
    for (const auto transport : {Transport::Gloo, Transport::Auto})
        expect_no_errors(in_ranks(
            2,
            [&](const GroupPtr& group) {
                EXPECT_EQ(group->transport(), "Gloo");
                auto tensors = numbers_of(group->rank());
                group->sum(tensors);
                if (group->rank() == 0)
                    sums.push_back(tensors);
            },
            30s, by(transport)));
    for (std::size_t i = 0; i < sums[0].size(); ++i)
        EXPECT_TRUE(at::equal(sums[0][i], sums[1][i])) << i;
}

TEST(GroupTransport, TheModuleIsThereOrSaysHowToGetIt)
{
    const auto& module = nccl_module();
    EXPECT_EQ(module.open == nullptr, !module.error.empty());
    if (module.open == nullptr)
        EXPECT_THAT(module.error, ::testing::HasSubstr("run 'setup.sh --cuda', configure and build again"));
}

/// Empty when there are so many CUDA devices and the module.
std::string missing_for_nccl(std::size_t devices)
{
    const auto found = base::usable_devices().size() - 1; // the CPU is one of them
    if (found < devices)
        return "needs " + std::to_string(devices) + " CUDA devices, there are " + std::to_string(found);
    return nccl_module().error;
}

TEST(GroupTransport, RanksOnOneDeviceGoThroughTheHost)
{
    if (const auto missing = missing_for_nccl(1); !missing.empty())
        GTEST_SKIP() << missing;
    for (const auto& failure : in_ranks(
             2, [](const GroupPtr&) {}, 60s, by(Transport::Nccl, "cuda:0"))) {
        EXPECT_EQ(error_of(failure).first, Status::InvalidConfig);
        EXPECT_THAT(error_of(failure).second, ::testing::HasSubstr("ranks 0 and 1 use one device"));
    }
    expect_no_errors(in_ranks(
        2,
        [](const GroupPtr& group) {
            EXPECT_THAT(group->transport(), ::testing::StartsWith("Gloo through the host (ranks 0 and 1 use one"));
            auto one = at::ones({3}, at::kCUDA);
            group->sum({one});
            EXPECT_TRUE(at::equal(one.cpu(), at::full({3}, 2.0F)));
        },
        60s, by(Transport::Auto, "cuda:0")));
}

TEST(GroupTransport, NcclSumsAndCopiesAsGlooDoes)
{
    if (const auto missing = missing_for_nccl(2); !missing.empty())
        GTEST_SKIP() << missing;
    std::vector<std::vector<at::Tensor>> sums(2);
    expect_no_errors(in_ranks(
        2,
        [&](const GroupPtr& group) {
            EXPECT_EQ(group->transport(), "NCCL");
            const c10::Device device(c10::kCUDA, static_cast<c10::DeviceIndex>(group->rank()));
            std::vector<at::Tensor> tensors;
            for (const auto& tensor : numbers_of(group->rank()))
                tensors.push_back(tensor.to(device));
            tensors.push_back(at::full({2}, 1.0 + group->rank(), at::kDouble)); // on the CPU, as of a Team
            group->sum(tensors);
            for (const auto& tensor : tensors)
                sums[static_cast<std::size_t>(group->rank())].push_back(tensor.cpu());
            auto copied = at::full({5}, group->rank(), at::TensorOptions().device(device));
            group->copy_from_first({copied});
            EXPECT_EQ(copied.abs().sum().item<double>(), 0);
            auto done = at::ones({1}); // nobody leaves before the others have theirs
            group->sum({done});
        },
        60s, by(Transport::Nccl, "each")));
    const auto first = numbers_of(0), second = numbers_of(1);
    for (std::size_t i = 0; i < first.size(); ++i)
        EXPECT_TRUE(at::allclose(sums[0][i], first[i] + second[i], 1e-5, 1e-6)) << i;
    for (std::size_t i = 0; i < sums[0].size(); ++i)
        EXPECT_TRUE(at::equal(sums[0][i], sums[1][i])) << i;
    EXPECT_EQ(sums[0].back()[0].item<double>(), 3);
}

} // namespace
} // namespace ptk::parallel
