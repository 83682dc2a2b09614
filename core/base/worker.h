#pragma once
#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>

namespace ptk::base {

/// A thread that does one job at a time beside its owner: LibTorch uses no further threads in it, and signals go to
/// others. It is started with the first job. One owner; the destructor waits for the job that runs.
class Worker {
public:
    Worker() = default;
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    /// Begin a job; the one before must have been waited for.
    void start(std::function<void()> job);
    /// Until the job is done. @throws what the job threw
    void wait();

private:
    void run();

    std::mutex mutex_;
    std::condition_variable changed_;
    std::function<void()> job_; ///< empty when there is nothing to do
    std::exception_ptr failure_;
    bool end_ = false;
    std::thread thread_;
};

} // namespace ptk::base
