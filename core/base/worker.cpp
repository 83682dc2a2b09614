#include "base/worker.h"

#include <ATen/Parallel.h>
#include <pthread.h>
#include <signal.h>

#include <utility>

#ifdef _OPENMP
#include <omp.h>
#endif

namespace ptk::base {

namespace {

void one_thread_only()
{
    (void)at::get_num_threads(); // LibTorch sets its number when a thread first asks
#ifdef _OPENMP
    omp_set_num_threads(1); // of this thread; at::set_num_threads() would change that of new ones too
#endif
}

} // namespace

Worker::~Worker()
{
    if (!thread_.joinable())
        return;
    {
        const std::scoped_lock lock(mutex_);
        end_ = true;
    }
    changed_.notify_all();
    thread_.join();
}

void Worker::start(std::function<void()> job)
{
    {
        const std::scoped_lock lock(mutex_);
        job_ = std::move(job);
        failure_ = nullptr;
    }
    changed_.notify_all();
    if (thread_.joinable())
        return;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    try {
        thread_ = std::thread([this] { run(); });
    } catch (...) { // no thread to be had: wait() must not wait for one
        job_ = nullptr;
        pthread_sigmask(SIG_SETMASK, &before, nullptr);
        throw;
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Worker::wait()
{
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return !job_; });
    if (auto failure = std::exchange(failure_, nullptr))
        std::rethrow_exception(failure);
}

void Worker::run()
{
    one_thread_only();
    std::unique_lock lock(mutex_);
    for (;;) {
        changed_.wait(lock, [this] { return job_ || end_; });
        if (end_)
            return;
        lock.unlock();
        std::exception_ptr failure;
        try {
            job_();
        } catch (...) {
            failure = std::current_exception();
        }
        lock.lock();
        failure_ = failure;
        job_ = nullptr;
        changed_.notify_all();
    }
}

} // namespace ptk::base
