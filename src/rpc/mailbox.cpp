#include "rpc/mailbox.hpp"

#include <cerrno>
#include <utility>

#include <sys/eventfd.h>

#include "base/assert.hpp"
#include "base/error.hpp"

namespace volta::rpc {

UniqueFd make_event() {
  UniqueFd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) throw SystemFailure("eventfd", "event loop", errno);
  return event;
}

void signal_event(int event) {
  // EAGAIN means that 2^64 - 2 wake-ups are waiting: it is signalled.
  const int done = ::eventfd_write(event, 1);
  VOLTA_ASSERT(done == 0 || errno == EAGAIN);
}

void clear_event(int event) {
  eventfd_t count = 0;
  const int done = ::eventfd_read(event, &count);
  VOLTA_ASSERT(done == 0 || errno == EAGAIN);
}

Mailbox::Mailbox() : event_(make_event()) {}

void Mailbox::post(Note note) {
  const bool first = notes_.with([&](std::vector<Note>& notes) {
    notes.push_back(std::move(note));
    return notes.size() == 1;
  });
  if (first) signal_event(event_.get());
}

std::vector<Note> Mailbox::take() {
  clear_event(event_.get());
  return notes_.with([](std::vector<Note>& notes) { return std::exchange(notes, {}); });
}

}  // namespace volta::rpc
