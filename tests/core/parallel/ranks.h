#pragma once
#include "parallel/group.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <functional>
#include <thread>
#include <vector>

namespace ptk::parallel::testing {

/// A port that nobody listens on now.
inline std::uint16_t free_port()
{
    const int descriptor = ::socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    EXPECT_EQ(::bind(descriptor, reinterpret_cast<sockaddr*>(&address), length), 0);
    EXPECT_EQ(::getsockname(descriptor, reinterpret_cast<sockaddr*>(&address), &length), 0);
    ::close(descriptor);
    return ntohs(address.sin_port);
}

inline base::Rank rank_at(std::uint16_t port, int rank, int size)
{
    base::Rank place;
    place.rank = rank;
    place.size = size;
    place.launcher = "this test";
    place.address = "127.0.0.1";
    place.port = port;
    return place;
}

using Meet = std::function<GroupPtr(const base::Rank&, std::chrono::milliseconds limit)>;

/// Each rank in a thread of its own, as if it were a process. @return what each of them threw, by rank
inline std::vector<std::exception_ptr> in_ranks(
    int size, const std::function<void(GroupPtr)>& work, std::chrono::milliseconds limit = std::chrono::seconds(60),
    const Meet& meet = [](const auto& rank, auto at_most) { return join(rank, at_most); })
{
    const auto port = free_port();
    std::vector<std::exception_ptr> failures(static_cast<std::size_t>(size));
    std::vector<std::thread> threads;
    for (int rank = 0; rank < size; ++rank)
        threads.emplace_back([&, rank] {
            try {
                work(meet(rank_at(port, rank, size), limit));
            } catch (...) {
                failures[static_cast<std::size_t>(rank)] = std::current_exception();
            }
        });
    for (auto& thread : threads)
        thread.join();
    return failures;
}

/// Status and message of a failure; Ok when there is none.
inline std::pair<Status, std::string> error_of(const std::exception_ptr& failure)
{
    if (!failure)
        return {Status::Ok, "no error"};
    try {
        std::rethrow_exception(failure);
    } catch (const Error& error) {
        return {error.status(), error.message()};
    } catch (const std::exception& error) {
        return {Status::Internal, error.what()};
    }
}

inline void expect_no_errors(const std::vector<std::exception_ptr>& failures)
{
    for (std::size_t rank = 0; rank < failures.size(); ++rank)
        EXPECT_EQ(error_of(failures[rank]).second, "no error") << "rank " << rank;
}

} // namespace ptk::parallel::testing
