// The one file that knows c10d, LibTorch's library for processes that work together.
#include "parallel/group.h"

#ifdef PTK_HAS_GLOO
#define USE_C10D_GLOO 1
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/view_as_real.h>
#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <map>
#include <mutex>
#include <tuple>
#include <utility>
#endif

namespace ptk::parallel {

#ifndef PTK_HAS_GLOO

GroupPtr join(const base::Rank&, std::chrono::milliseconds)
{
    fail(Status::Unsupported,
         "this LibTorch was built without Gloo, so that processes cannot train together; start one "
         "process, or set training.parallel = off");
}

#else

namespace {

using StorePtr = c10::intrusive_ptr<c10d::Store>;
using WorkPtr = c10::intrusive_ptr<c10d::Work>;

/// Enough that the way costs little beside the bytes, little enough that several are under way at once.
constexpr std::int64_t bucket_bytes = std::int64_t{4} << 20;

std::string first_line(const std::string& text)
{
    return text.substr(0, text.find('\n'));
}

/// What a call of c10d throws is a Lost.
template <class Call> auto calling(const std::string& what, const Call& call)
{
    try {
        return call();
    } catch (const c10::Error& error) {
        throw Lost(what + ": " + first_line(error.what_without_backtrace()));
    } catch (const std::exception& error) {
        throw Lost(what + ": " + first_line(error.what()));
    }
}

/// Tensors of one type that travel as one.
struct Bucket {
    std::vector<at::Tensor> members{}; ///< real views
    std::int64_t bytes = 0;
    std::vector<at::Tensor> packed{}; ///< the one, on the CPU, as c10d wants it
    WorkPtr work{};
};

at::Tensor real_view(const at::Tensor& tensor)
{
    return tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

std::vector<Bucket> buckets_of(const std::vector<at::Tensor>& tensors)
{
    std::vector<Bucket> buckets;
    for (const auto& tensor : tensors) {
        const auto real = real_view(tensor.detach());
        const auto bytes = static_cast<std::int64_t>(real.nbytes());
        if (buckets.empty() || buckets.back().members.front().scalar_type() != real.scalar_type() ||
            buckets.back().bytes + bytes > bucket_bytes)
            buckets.emplace_back();
        buckets.back().members.push_back(real);
        buckets.back().bytes += bytes;
    }
    return buckets;
}

void pack(Bucket& bucket)
{
    std::vector<at::Tensor> flat;
    for (const auto& member : bucket.members)
        flat.push_back(member.reshape({-1}));
    bucket.packed = {at::cat(flat).to(at::kCPU)};
}

void unpack(const Bucket& bucket)
{
    const auto& packed = bucket.packed.front();
    std::int64_t begin = 0;
    for (const auto& member : bucket.members) {
        member.copy_(packed.narrow(0, begin, member.numel()).view(member.sizes()));
        begin += member.numel();
    }
}

class GlooGroup : public Group {
public:
    GlooGroup(const base::Rank& rank, c10::intrusive_ptr<c10d::Backend> backend, std::chrono::milliseconds limit)
        : Group(rank.rank, rank.size), backend_(std::move(backend)), limit_(limit)
    {
    }

    void sum(const std::vector<at::Tensor>& tensors) override
    {
        exchange(tensors, [this](std::vector<at::Tensor>& packed) { return backend_->allreduce(packed); });
    }
    void copy_from_first(const std::vector<at::Tensor>& tensors) override
    {
        exchange(tensors, [this](std::vector<at::Tensor>& packed) { return backend_->broadcast(packed); });
    }

private:
    /// All buckets are on their way before the first is waited for.
    template <class Send> void exchange(const std::vector<at::Tensor>& tensors, const Send& send)
    {
        const at::NoGradGuard no_gradient;
        auto buckets = buckets_of(tensors);
        calling(fmt::format("rank {} of {} lost another one, or waited longer than the {} s of "
                            "training.parallel_timeout",
                            rank(), size(), static_cast<double>(limit_.count()) / 1000),
                [&] {
                    for (auto& bucket : buckets) {
                        pack(bucket);
                        const std::lock_guard lock(sending());
                        bucket.work = send(bucket.packed);
                    }
                    for (auto& bucket : buckets)
                        bucket.work->wait(limit_);
                });
        for (const auto& bucket : buckets)
            unpack(bucket);
    }

    /// c10d keeps one record of what was sent by the whole process and does not guard it: several groups in one process
    /// take turns.
    static std::mutex& sending()
    {
        static std::mutex mutex;
        return mutex;
    }

    c10::intrusive_ptr<c10d::Backend> backend_;
    std::chrono::milliseconds limit_;
};

using Meeting = std::tuple<std::string, std::uint16_t, int>; ///< address, port, rank

Meeting meeting_of(const base::Rank& rank)
{
    return {rank.address, rank.port, rank.rank};
}

StorePtr new_store(const base::Rank& rank, std::chrono::milliseconds limit)
{
    c10d::TCPStoreOptions options;
    options.port = rank.port;
    options.isServer = rank.rank == 0 && !rank.served;
    options.waitWorkers = false; // the group waits
    options.timeout = limit;
    return c10::make_intrusive<c10d::TCPStore>(rank.address, options);
}

/// Where ranks find each other. Kept to the end of the process: a later group of the same processes needs it again, and
/// rank 0 serves it to the others.
StorePtr store_of(const base::Rank& rank, std::chrono::milliseconds limit)
{
    static std::mutex mutex;
    static auto& stores = *new std::map<Meeting, StorePtr>();
    {
        const std::scoped_lock lock(mutex);
        if (const auto found = stores.find(meeting_of(rank)); found != stores.end())
            return found->second;
    }
    const auto store = new_store(rank, limit); // may wait for another rank, which may be in this process
    const std::scoped_lock lock(mutex);
    return stores.emplace(meeting_of(rank), store).first->second;
}

/// A name that the ranks of one group share and no other group has.
std::string name_of(const base::Rank& rank)
{
    static std::mutex mutex;
    static std::map<Meeting, int> joined;
    const std::scoped_lock lock(mutex);
    return fmt::format("ptychokit/{}/{}", rank.attempt, joined[meeting_of(rank)]++);
}

bool is_this_machine(const std::string& address)
{
    return address == "localhost" || address == "::1" || address.rfind("127.", 0) == 0;
}

} // namespace

GroupPtr join(const base::Rank& rank, std::chrono::milliseconds limit)
{
    const auto where =
        fmt::format("rank {} of {} ({}) did not meet the others at {}:{} within {} s", rank.rank, rank.size,
                    rank.launcher, rank.address, rank.port, static_cast<double>(limit.count()) / 1000);
    return calling(where, [&]() -> GroupPtr {
        const auto store = c10::make_intrusive<c10d::PrefixStore>(name_of(rank), store_of(rank, limit));
        store->setTimeout(limit);
        auto options = is_this_machine(rank.address) ? c10d::ProcessGroupGloo::Options::create(limit)
                                                     : c10d::ProcessGroupGloo::Options::create_default(limit);
        if (options->devices.empty())
            options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1"));
        return std::make_shared<GlooGroup>(
            rank, c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank.rank, rank.size, options), limit);
    });
}

#endif

} // namespace ptk::parallel
