#include "api/api.hpp"

#include <exception>

#include "api/parameters.hpp"
#include "api/routes.hpp"
#include "base/log.hpp"

namespace volta {
namespace {

constexpr std::string_view kWebSocketPath = "/api/v1/ws";
constexpr std::string_view kEventsPath = "/api/v1/stream";
constexpr std::uint16_t kLoginNeeded = 4401;

// For a client that is closed before it could say anything.
class DeafReceiver final : public StreamReceiver {
 public:
  void on_message(std::string_view /*text*/) override {}
};

std::vector<std::string> split_names(std::string_view text) {
  std::vector<std::string> names;
  while (true) {
    const auto comma = text.find(',');
    names.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return names;
    text.remove_prefix(comma + 1);
  }
}

std::variant<Subscribe, Declined> wish_of(const QueryParameters& query, std::int64_t now_ms) {
  ParameterReader reader(query, now_ms);
  Subscribe wish;
  wish.id = "stream";
  wish.host = reader.required_text("host");
  wish.names = split_names(reader.text("names", "*"));
  wish.interval_ms = reader.integer("interval_ms", 1000, kShortestIntervalMs, kLongestIntervalMs);
  wish.rates = reader.flag("rates");
  if (const std::string problem = names_problem(wish.names); !problem.empty()) {
    reader.wrong("names", problem);
  }
  if (reader.declined()) return *reader.declined();
  return wish;
}

}  // namespace

void add_stream_routes(Router& router) {
  router.add({"GET", kWebSocketPath, Action::read, {}, [](const Call&) -> Reply {
                Declined declined = decline(426, "upgrade_required", "this is a WebSocket");
                declined.headers = {{"Upgrade", "websocket"}, {"Connection", "Upgrade"}};
                return declined;
              }});
  router.add({"GET", kEventsPath, Action::read, kStreamParameters, [](const Call&) -> Reply {
                return decline(400, "stream_only", "this is answered as an event stream only");
              }});
}

Api::Api(ApiParts parts, ApiSettings settings, const AccessSettings& access)
    : parts_(std::move(parts)),
      settings_(std::move(settings)),
      access_(access, parts_.clock),
      prometheus_(parts_, settings_) {
  add_system_routes(router_, parts_, settings_, access_);
  add_session_routes(router_, access_);
  add_host_routes(router_, parts_);
  add_data_routes(router_, prometheus_);
  add_stream_routes(router_);
  add_prometheus_routes(router_, prometheus_);
}

std::vector<std::string> Api::asking_posts() {
  std::vector<std::string> paths;
  for (const std::string_view name :
       {"query", "query_range", "query_exemplars", "series", "labels", "format_query", "read",
        "metadata", "rules", "targets", "alerts", "alertmanagers", "status/buildinfo",
        "status/config", "status/flags", "sd/prometheus", "label/{id}/values"}) {
    paths.push_back("/prometheus/api/v1/" + std::string(name));
  }
  return paths;
}

std::vector<std::pair<std::string, std::size_t>> Api::body_limits() {
  return {{"/prometheus/api/v1/write", kMostWriteBytes},
          {"/prometheus/api/v1/read", kMostReadBytes}};
}

HttpResponse Api::handle(const HttpRequest& request) { return router_.dispatch(request, access_); }

std::optional<StreamKind> Api::stream_kind(const HttpRequest& request) {
  if (request.method != "GET") return std::nullopt;
  if (request.path == kWebSocketPath) return StreamKind::web_socket;
  if (request.path == kEventsPath) return StreamKind::server_sent_events;
  return std::nullopt;
}

std::variant<std::unique_ptr<StreamReceiver>, Declined> Api::open(
    const HttpRequest& request, StreamKind kind, std::shared_ptr<StreamSender> sender) {
  const bool web_socket = kind == StreamKind::web_socket;
  auto admitted = admit(request, Action::read, access_);
  if (auto* declined = std::get_if<Declined>(&admitted)) {
    if (!web_socket || declined->problem.code != "login_needed") return std::move(*declined);
    sender->close(kLoginNeeded, "login needed");
    return std::unique_ptr<StreamReceiver>(std::make_unique<DeafReceiver>());
  }
  auto query =
      known_query(request, web_socket ? std::vector<std::string_view>() : kStreamParameters);
  if (auto* declined = std::get_if<Declined>(&query)) return std::move(*declined);
  const Who who = std::get<Who>(admitted);
  LiveHub::Viewer viewer{std::move(sender), who, [this, who] { return access_.still_valid(who); }};
  if (web_socket) return parts_.live.connect(std::move(viewer));
  auto wish = wish_of(std::get<QueryParameters>(query), parts_.clock.wall_ms());
  if (auto* declined = std::get_if<Declined>(&wish)) return std::move(*declined);
  return parts_.live.connect(std::move(viewer), std::get<Subscribe>(wish));
}

std::variant<std::unique_ptr<StreamReceiver>, HttpResponse> Api::open_stream(
    const HttpRequest& request, std::shared_ptr<StreamSender> sender) {
  try {
    auto opened = open(request, *stream_kind(request), std::move(sender));
    if (auto* receiver = std::get_if<std::unique_ptr<StreamReceiver>>(&opened)) {
      return std::move(*receiver);
    }
    return to_response(std::get<Declined>(opened), request.request_id);
  } catch (const std::exception& failure) {
    log::error("stream failed", {{"path", request.path}, {"why", failure.what()}});
    return to_response(decline(500, "internal", "volta failed here; its log has the reason"),
                       request.request_id);
  }
}

}  // namespace volta
