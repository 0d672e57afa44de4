package console

// Where the console and its own routes are, those that are in the OpenAPI document aside.
const (
	Path        = "/console"
	EventsPath  = Path + "/events"  // the stream of server-sent events
	SignInPath  = Path + "/sign-in" // what sign-in links open, and their form
	PreviewPath = Path + "/preview" // HTML that a dock would send, as it would be shown
	FilesRoute  = Path + "/*"       // what the log and the metrics call the front end's files
)
