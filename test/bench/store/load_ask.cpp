// How long answers take, from the first byte sent to the last one read.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <iostream>
#include <thread>

#include "base/error.hpp"
#include "http_peer.hpp"
#include "load.hpp"

namespace volta::bench {
namespace {

constexpr int kWarmUps = 3;
constexpr std::size_t kPacedThreads = 8;  // so that a slow answer does not delay the next question

struct Question {
  std::string target;
  Sorted delays;
  std::size_t bytes = 0;
  int status = 0;
};

void print(std::vector<Question>& questions) {
  std::printf("{\"answers\":[");
  for (std::size_t i = 0; i < questions.size(); ++i) {
    Question& question = questions[i];
    std::printf(
        "%s{\"status\":%d,\"bytes\":%zu,\"runs\":%zu,\"p50\":%.4f,\"p99\":%.4f,\"max\":%.4f}",
        i == 0 ? "" : ",", question.status, question.bytes, question.delays.count(),
        question.delays.at(0.5), question.delays.at(0.99), question.delays.at(1));
  }
}

double ask_once(HttpPeer& peer, Question& question, const std::string& headers) {
  const double begin = steady_seconds();
  const HttpReply& reply = peer.ask("GET", question.target, headers, "");
  const double took = (steady_seconds() - begin) * 1000;
  question.status = reply.status;
  question.bytes = reply.body.size();
  if (reply.status != 200)
    std::fprintf(stderr, "store_load: status %d of %s: %s\n", reply.status, question.target.c_str(),
                 reply.body.substr(0, 300).c_str());
  return took;
}

int ask_each(std::vector<Question>& questions, const Options& options, const std::string& headers) {
  HttpPeer peer(options.port());
  const std::int64_t runs = options.number("runs", 100);
  const auto seconds = static_cast<double>(options.number("seconds", 10));
  for (Question& question : questions) {
    const double end = steady_seconds() + seconds;
    for (int i = 0; i < kWarmUps; ++i) ask_once(peer, question, headers);
    if (question.status != 200) continue;
    for (std::int64_t i = 0; i < runs && (i < 5 || steady_seconds() < end); ++i)
      question.delays.add(ask_once(peer, question, headers));
  }
  print(questions);
  std::printf("]}\n");
  return 0;
}

// A question counts from when it was due: a server that stands still is not spared.
int ask_paced(std::vector<Question>& questions, const Options& options,
              const std::string& headers) {
  const auto rate = static_cast<double>(options.number("rate", 20));
  const auto total =
      static_cast<std::int64_t>(rate * static_cast<double>(options.number("seconds", 10)));
  const double begin = steady_seconds();
  std::atomic<std::int64_t> next{0};
  std::atomic<std::int64_t> failed{0};
  std::vector<Sorted> delays(kPacedThreads);
  std::vector<std::thread> running;
  for (std::size_t thread = 0; thread < kPacedThreads; ++thread) {
    running.emplace_back([&, thread] {
      try {
        HttpPeer peer(options.port());
        for (std::int64_t i = next++; i < total; i = next++) {
          Question question;
          question.target = questions[static_cast<std::size_t>(i) % questions.size()].target;
          const double due = begin + static_cast<double>(i) / rate;
          sleep_until(due);
          ask_once(peer, question, headers);
          if (question.status != 200) ++failed;
          delays[thread].add((steady_seconds() - due) * 1000);
        }
      } catch (const Failure& failure) {
        give_up(failure.what());
      }
    });
  }
  for (std::thread& thread : running) thread.join();
  Sorted all;
  for (const Sorted& some : delays) all.add(some);
  std::printf("{\"asked\":%zu,\"failed\":%ld,\"p50\":%.3f,\"p99\":%.3f,\"max\":%.3f}\n",
              all.count(), static_cast<long>(failed.load()), all.at(0.5), all.at(0.99), all.at(1));
  return 0;
}

}  // namespace

int ask(const Options& options) {
  std::vector<Question> questions;
  for (std::string line; std::getline(std::cin, line);) {
    questions.emplace_back();
    questions.back().target = line;
  }
  if (questions.empty()) give_up("no question on standard input");
  std::string headers = "Accept: application/json\r\n";
  const std::string key = options.text("key", "");
  if (!key.empty()) headers += "Authorization: Bearer " + key + "\r\n";
  return options.number("rate", 0) > 0 ? ask_paced(questions, options, headers)
                                       : ask_each(questions, options, headers);
}

}  // namespace volta::bench
