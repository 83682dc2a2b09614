// LibTorch's packages have the headers of c10d but not those of Gloo, which c10d's header of its Gloo backend includes.
// These are the names that it mentions, so that it compiles. We make and call nothing of Gloo: the backend, all of
// which is in LibTorch, holds pointers to such things, and pointers do not ask what they point to. Should a later
// LibTorch mention other names, this does not compile.
#pragma once
#include <chrono>
#include <memory>

namespace gloo {

class Context {
public:
    void setTimeout(std::chrono::milliseconds timeout);
};

} // namespace gloo
