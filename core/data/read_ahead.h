#pragma once
#include "base/worker.h"

#include <ATen/core/Tensor.h>

#include <functional>
#include <utility>

namespace ptk::data {

/// Reads what will be asked for next on a thread of its own, while the caller computes with what it has. One caller.
template <class Result> class ReadAhead {
public:
    using Read = std::function<Result(const at::Tensor& indices)>;

    /// @param read  is called on both threads, never by two at once for the same result
    explicit ReadAhead(Read read) : read_(std::move(read)) {}

    /// Begin to read these; what was expected before and not taken is dropped.
    void expect(at::Tensor indices)
    {
        if (expects(indices))
            return;
        drop();
        expected_ = std::move(indices);
        try {
            worker_.start([this] { result_ = read_(expected_); });
        } catch (...) {
            expected_ = at::Tensor(); // without a thread everything is read when it is asked for
        }
    }

    /// The expected ones when they are these, else read now; what is expected stays so.
    /// @throws what the read throws, on either thread
    Result take(const at::Tensor& indices)
    {
        if (!expects(indices))
            return read_(indices);
        expected_ = done();
        return std::exchange(result_, Result());
    }

private:
    bool expects(const at::Tensor& indices) const { return expected_.defined() && expected_.equal(indices); }

    /// Waits; nothing is expected any more, also when the read failed. @return an undefined tensor
    at::Tensor done()
    {
        try {
            worker_.wait();
        } catch (...) {
            expected_ = at::Tensor();
            throw;
        }
        return {};
    }

    void drop()
    {
        if (!expected_.defined())
            return;
        try {
            expected_ = done();
        } catch (...) {
            // Nobody asked for it: whoever does gets the error then.
        }
        result_ = Result();
    }

    Read read_;
    at::Tensor expected_; ///< indices; undefined when nothing is
    Result result_;
    base::Worker worker_; ///< last: its end waits for a read that uses the others
};

} // namespace ptk::data
