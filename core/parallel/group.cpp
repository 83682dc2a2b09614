// The file that knows c10d, LibTorch's library for processes that work together (and nccl_module.cpp, its part that
// needs CUDA).
#include "parallel/group.h"

#ifdef PTK_HAS_GLOO
#define USE_C10D_GLOO 1
#include "parallel/nccl_module.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/view_as_real.h>
#include <fmt/format.h>
#include <torch/csrc/distributed/c10d/PrefixStore.hpp>
#include <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp>
#include <torch/csrc/distributed/c10d/TCPStore.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <tuple>
#include <utility>
#endif

namespace ptk::parallel {

#ifndef PTK_HAS_GLOO

GroupPtr join(const base::Rank&, std::chrono::milliseconds, c10::Device, Transport)
{
    fail(Status::Unsupported,
         "this LibTorch was built without Gloo, so that processes cannot train together; start one "
         "process, or set training.parallel = off");
}

#else

namespace {

using StorePtr = c10::intrusive_ptr<c10d::Store>;
using BackendPtr = c10::intrusive_ptr<c10d::Backend>;
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

/// Tensors of one type on one device that travel as one.
struct Bucket {
    std::vector<at::Tensor> members{}; ///< real views
    std::int64_t bytes = 0;
    std::vector<at::Tensor> packed{}; ///< the one, where it travels from, as c10d wants it
    WorkPtr work{};
};

at::Tensor real_view(const at::Tensor& tensor)
{
    return tensor.is_complex() ? at::view_as_real(tensor) : tensor;
}

bool fits(const Bucket& bucket, const at::Tensor& real)
{
    const auto& first = bucket.members.front();
    return first.scalar_type() == real.scalar_type() && first.device() == real.device() &&
           bucket.bytes + static_cast<std::int64_t>(real.nbytes()) <= bucket_bytes;
}

std::vector<Bucket> buckets_of(const std::vector<at::Tensor>& tensors)
{
    std::vector<Bucket> buckets;
    for (const auto& tensor : tensors) {
        const auto real = real_view(tensor.detach());
        if (buckets.empty() || !fits(buckets.back(), real))
            buckets.emplace_back();
        buckets.back().members.push_back(real);
        buckets.back().bytes += static_cast<std::int64_t>(real.nbytes());
    }
    return buckets;
}

/// @param device  where members there may travel from; others do from the CPU
void pack(Bucket& bucket, c10::Device device)
{
    std::vector<at::Tensor> flat;
    for (const auto& member : bucket.members)
        flat.push_back(member.reshape({-1}));
    const auto one = at::cat(flat);
    bucket.packed = {one.device() == device ? one : one.to(at::kCPU)};
}

bool travels_from_cpu(const Bucket& bucket)
{
    return bucket.packed.front().is_cpu();
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

/// What this rank has of NCCL. Not connected: that waits for the others, which may not be able to.
NcclAnswer nccl_of_process(const NcclRequest& request, Transport transport)
{
    NcclAnswer answer;
    if (transport == Transport::Gloo)
        answer.error = "training.parallel_transport is 'gloo'";
    else if (!request.device.is_cuda())
        answer.error =
            fmt::format("NCCL carries tensors of CUDA devices, and the model is on '{}'", request.device.str());
    else if (const auto& module = nccl_module(); module.open == nullptr)
        answer.error = module.error;
    else
        module.open(request, answer);
    return answer;
}

/// What a rank tells the others of its NCCL.
struct Told {
    std::int64_t usable = 0;
    std::int64_t wants = 0; ///< nothing else
    std::array<std::int64_t, 2> card{};
};

/// From what all told, the same for all: empty when all can use NCCL.
std::string reason_against_nccl(const std::vector<Told>& told)
{
    for (std::size_t rank = 0; rank < told.size(); ++rank)
        if (told[rank].usable == 0)
            return fmt::format("rank {} cannot, its message says why", rank);
    for (std::size_t rank = 0; rank < told.size(); ++rank)
        for (std::size_t before = 0; before < rank; ++before)
            if (told[rank].card == told[before].card)
                return fmt::format("ranks {} and {} use one device, and NCCL wants one for each", before, rank);
    return "";
}

/// c10d's backends: Gloo for what is on the CPU, NCCL, when there is one, for what is on the device.
class C10dGroup : public Group {
public:
    C10dGroup(const base::Rank& rank, BackendPtr gloo, std::chrono::milliseconds limit)
        : Group(rank.rank, rank.size), gloo_(std::move(gloo)), limit_(limit)
    {
    }
    ~C10dGroup() override { leave_nccl(); }

    void sum(const std::vector<at::Tensor>& tensors) override
    {
        exchange(tensors, [](c10d::Backend& backend, auto& packed) { return backend.allreduce(packed); });
    }
    void copy_from_first(const std::vector<at::Tensor>& tensors) override
    {
        exchange(tensors, [](c10d::Backend& backend, auto& packed) { return backend.broadcast(packed); });
    }

    /// All ranks use NCCL or none does.
    void choose_transport(const StorePtr& store, c10::Device device, Transport transport)
    {
        const auto mine = nccl_of_process({store, rank(), size(), device, limit_}, transport);
        nccl_ = mine.backend;
        const auto told = told_by_all({mine.backend ? 1 : 0, transport == Transport::Nccl ? 1 : 0, mine.card});
        const auto against = mine.error.empty() ? reason_against_nccl(told) : first_line(mine.error);
        if (against.empty()) {
            connect_nccl(device);
            return;
        }
        leave_nccl();
        const bool wanted = std::any_of(told.begin(), told.end(), [](const Told& one) { return one.wants != 0; });
        require(!wanted, Status::InvalidConfig,
                "training.parallel_transport: NCCL is asked for, but cannot be used: {}; 'auto' and 'gloo' do without",
                against);
        if (device.is_cuda())
            transport_ = fmt::format("Gloo through the host ({})", against);
    }

private:
    std::vector<Told> told_by_all(const Told& mine)
    {
        std::vector<Told> all(static_cast<std::size_t>(size()));
        all[static_cast<std::size_t>(rank())] = mine;
        constexpr auto numbers = static_cast<std::int64_t>(sizeof(Told) / sizeof(std::int64_t));
        sum({at::from_blob(all.data(), {size() * numbers}, at::kLong)});
        return all;
    }

    /// Now and not with the first gradients: what is wrong is said at the beginning. NCCL knows no limit here, but all
    /// ranks have just said that they come.
    void connect_nccl(c10::Device device)
    {
        calling(fmt::format("rank {} of {} could not connect by NCCL (training.parallel_transport = 'gloo' does "
                            "without)",
                            rank(), size()),
                [&] { nccl_->eagerConnectSingleDevice(device); });
        device_ = device;
        transport_ = "NCCL";
    }

    /// Ends what NCCL still does on the device. Waits for no other rank, as c10d's shutdown() would: they may be gone.
    /// Those that are not have the result of the last call already: a training agrees by Gloo after its last gradients.
    void leave_nccl() noexcept
    {
        if (!nccl_)
            return;
        try {
            nccl_->abort();
        } catch (...) {
            // There is nothing left to end it with.
        }
        nccl_.reset();
        device_ = c10::kCPU;
    }

    /// All buckets are on their way before the first is waited for. Those of Gloo are the first: it sees at once that
    /// another process is gone, which NCCL may not.
    template <class Send> void exchange(const std::vector<at::Tensor>& tensors, const Send& send)
    {
        const at::NoGradGuard no_gradient;
        auto buckets = buckets_of(tensors);
        try {
            calling(fmt::format("rank {} of {} lost another one, or waited longer than the {} s of "
                                "training.parallel_timeout",
                                rank(), size(), static_cast<double>(limit_.count()) / 1000),
                    [&] {
                        for (auto& bucket : buckets)
                            start(bucket, send);
                        for (const bool on_cpu : {true, false})
                            for (auto& bucket : buckets)
                                if (travels_from_cpu(bucket) == on_cpu)
                                    bucket.work->wait(limit_);
                    });
        } catch (const Lost&) {
            leave_nccl(); // while there are the buckets that it may be writing to
            throw;
        }
        for (const auto& bucket : buckets)
            unpack(bucket);
    }

    template <class Send> void start(Bucket& bucket, const Send& send)
    {
        pack(bucket, device_);
        if (!travels_from_cpu(bucket)) { // NCCL may wait for the others here, which may be in this process: no turns
            bucket.work = send(*nccl_, bucket.packed);
            return;
        }
        const std::lock_guard lock(sending());
        bucket.work = send(*gloo_, bucket.packed);
    }

    /// c10d keeps one record of what was sent by the whole process and does not guard it: several groups in one process
    /// take turns.
    static std::mutex& sending()
    {
        static std::mutex mutex;
        return mutex;
    }

    BackendPtr gloo_;
    BackendPtr nccl_{};
    c10::Device device_ = c10::kCPU; ///< of NCCL, when there is one
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

GroupPtr join(const base::Rank& rank, std::chrono::milliseconds limit, c10::Device device, Transport transport)
{
    const auto where =
        fmt::format("rank {} of {} ({}) did not meet the others at {}:{} within {} s", rank.rank, rank.size,
                    rank.launcher, rank.address, rank.port, static_cast<double>(limit.count()) / 1000);
    StorePtr store;
    const auto group = calling(where, [&] {
        store = c10::make_intrusive<c10d::PrefixStore>(name_of(rank), store_of(rank, limit));
        store->setTimeout(limit);
        auto options = is_this_machine(rank.address) ? c10d::ProcessGroupGloo::Options::create(limit)
                                                     : c10d::ProcessGroupGloo::Options::create_default(limit);
        if (options->devices.empty())
            options->devices.push_back(c10d::ProcessGroupGloo::createDeviceForHostname("127.0.0.1"));
        return std::make_shared<C10dGroup>(
            rank, c10::make_intrusive<c10d::ProcessGroupGloo>(store, rank.rank, rank.size, options), limit);
    });
    group->choose_transport(c10::make_intrusive<c10d::PrefixStore>("nccl", store), device, transport);
    return group;
}

#endif

} // namespace ptk::parallel
