// What is open: requests being answered and live streams, so that a stop reaches all of them.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "base/guarded.hpp"

namespace volta {

class Session {
 public:
  virtual ~Session() = default;
  // From any thread: finish what is being answered, begin nothing, close.
  virtual void begin_stop() = 0;
  // After the network's threads have ended: it is over now; nothing may reach its loop any more.
  virtual void abandon() = 0;
};

// Safe from any thread. Keeps no session alive.
class SessionRegistry {
 public:
  // Tells the session to stop at once if a stop has begun.
  void add(const std::shared_ptr<Session>& session) {
    const bool stopping = state_.with([&](State& state) {
      state.open[session.get()] = session;
      return state.stopping;
    });
    if (stopping) session->begin_stop();
  }
  void remove(Session* session) {
    state_.with([&](State& state) { state.open.erase(session); });
  }
  void begin_stop() {
    const auto open = state_.with([](State& state) {
      state.stopping = true;
      return alive(state);
    });
    for (const auto& session : open) session->begin_stop();
  }
  void abandon() {
    for (const auto& session : state_.with(alive)) session->abandon();
  }

 private:
  struct State {
    std::map<Session*, std::weak_ptr<Session>> open;
    bool stopping = false;
  };
  static std::vector<std::shared_ptr<Session>> alive(const State& state) {
    std::vector<std::shared_ptr<Session>> sessions;
    for (const auto& [key, weak] : state.open) {
      if (auto session = weak.lock()) sessions.push_back(std::move(session));
    }
    return sessions;
  }

  Guarded<State> state_;
};

}  // namespace volta
