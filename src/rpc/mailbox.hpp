// What other threads have to tell the event loop. Many notes, one wake-up: only the note that finds
// the box empty writes to the eventfd that the loop watches.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/guarded.hpp"
#include "base/unique_fd.hpp"
#include "model/link.hpp"

namespace volta::rpc {

using ConnectionId = std::uint64_t;  // never reused

struct PushFinished {
  std::uint64_t push;  // which of the connection's pushes
  PushOutcome outcome;
};
struct CloseLink {
  std::string reason;
};
struct StopServer {};

struct Note {
  ConnectionId connection;  // may be gone by now
  std::variant<PushFinished, LiveWanted, RetryAfter, CloseLink, StopServer> what;
};

// post() and wake-ups from any thread; take() by the loop. It holds at most 8 outcomes a connection
// and what the application asks of its agents.
class Mailbox {
 public:
  Mailbox();  // throws SystemFailure
  void post(Note note);
  // All notes, in the order posted.
  std::vector<Note> take();
  // Readable while there are notes.
  [[nodiscard]] int event_fd() const { return event_.get(); }

 private:
  UniqueFd event_;
  Guarded<std::vector<Note>> notes_;
};

// An eventfd, and what one does with it.
UniqueFd make_event();
void signal_event(int event);
void clear_event(int event);

}  // namespace volta::rpc
