/* global document */
/** Draws a cell for each socket, filled when it is open. */
export class Cells {
  #element

  constructor (element) {
    this.#element = element
  }

  /** Draws cells of sockets that are not open. */
  reset (count) {
    this.#element.replaceChildren(...Array.from({ length: count }, () => document.createElement('i')))
  }

  show (openSockets) {
    const cells = [...this.#element.children]
    for (const [index, cell] of cells.entries()) cell.className = index < openSockets ? 'open' : ''
  }
}
