// A module without a handler.
export const something = 1
