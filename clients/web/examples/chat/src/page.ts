// Finding and making the parts of the page.

/** The element with this id, which the page has. */
export function byId<E extends HTMLElement>(id: string, kind: new () => E): E {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) {
    throw new Error(`index.html has no ${kind.name} with the id "${id}"`);
  }
  return found;
}

/** A new element: its tag, its class, and what it holds. */
export function make(tag: string, name: string, ...content: (string | Node)[]): HTMLElement {
  const element = document.createElement(tag);
  if (name !== "") element.className = name;
  element.append(...content);
  return element;
}

/** Adds to a list that scrolls; follows its end unless the reader has scrolled away from it. */
export function addTo(list: HTMLElement, element: HTMLElement): void {
  const isAtEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  list.append(element);
  if (isAtEnd) list.scrollTop = list.scrollHeight;
}

/** Shows how something went. */
export function show(output: HTMLElement, text: string, isError = false): void {
  output.textContent = text;
  output.classList.toggle("error", isError);
}

/** Shows the state of a connection in the header. */
export function showState(id: string, state: "idle" | "connecting" | "ready" | "failed", word: string, why = ""): void {
  const item = byId(id, HTMLLIElement);
  item.dataset["state"] = state;
  item.title = why;
  const bold = item.querySelector("b");
  if (bold) bold.textContent = word;
}
