// Where the server is, from here: these files are in its web/, wherever a proxy has put it.

const root = new URL("..", import.meta.url);

export const at = (path) => new URL(path, root).href;
