#pragma once
#include "base/error.h"
#include "base/ranks.h"

#include <ATen/core/Tensor.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace ptk::parallel {

/// Another process of a group is gone, or did not answer in time. The group is of no use any more.
class Lost : public Error {
public:
    explicit Lost(std::string message) : Error(Status::Device, std::move(message)) {}
};

/// Processes that work together, each with a rank. All of them make the same calls in the same order; a call returns
/// when its result is there. Calls throw Lost. One thread at a time.
class Group {
public:
    virtual ~Group() = default;
    Group(const Group&) = delete;
    Group& operator=(const Group&) = delete;

    int rank() const { return rank_; }
    int size() const { return size_; }
    /// By what tensors on the device of join() travel, for people: "Gloo", "NCCL", or "Gloo through the host" and why.
    const std::string& transport() const { return transport_; }

    /// Each tensor becomes its sum over all ranks, with the same bits on every rank. Shapes and types (float32,
    /// float64, int64, complex64) agree between ranks; any strides, any device.
    virtual void sum(const std::vector<at::Tensor>& tensors) = 0;
    /// Each tensor becomes that of rank 0.
    virtual void copy_from_first(const std::vector<at::Tensor>& tensors) = 0;

protected:
    Group(int rank, int size) : rank_(rank), size_(size) {}
    std::string transport_ = "Gloo";

private:
    int rank_;
    int size_;
};
using GroupPtr = std::shared_ptr<Group>;

/// By what tensors on a CUDA device travel. Those on the CPU always go by Gloo.
enum class Transport {
    Auto, ///< NCCL when every rank has it and a device of its own, else Gloo
    Gloo, ///< through the host
    Nccl, ///< or an error in every rank
};

/// Meet the other ranks over TCP. Processes trust each other and the network: nothing is encrypted or proved.
/// @param limit   how long any call, this one too, waits for the others
/// @param device  where this rank's tensors are. Open (base::open_device())
/// @throws Lost when they do not come; Error(Unsupported) when LibTorch was built without Gloo; Error(InvalidConfig) in
///         every rank when one of them wants NCCL alone and it cannot be
GroupPtr join(const base::Rank& rank, std::chrono::milliseconds limit, c10::Device device = c10::kCPU,
              Transport transport = Transport::Auto);

} // namespace ptk::parallel
