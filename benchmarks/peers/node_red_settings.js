// Without an editor, colours or questions: only the flow.
module.exports = {
  flowFile: "flows.json",
  httpAdminRoot: false,
  httpNodeRoot: false,
  uiHost: "127.0.0.1",
  uiPort: 0,
  logging: { console: { level: "warn" } },
  telemetry: { enabled: false, updateNotification: false },
  externalModules: { autoInstall: false },
};
