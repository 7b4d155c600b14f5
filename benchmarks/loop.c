/* The least that the job needs, as a floor for the compiled event loop: long or flat on given signals, fills at the
   next open with both costs, an equity a bar, a record a trade. No stops, no shorts, no excursions, no blocks. */
#include <stdint.h>

typedef struct {
    int64_t entry_bar, exit_bar;
    double entry_price, exit_price, units, net_pnl;
} Trade;

int64_t trade(const double *open, const double *close, const int8_t *codes, int64_t bars, double cash,
              double commission, double slippage, double *equity, Trade *trades)
{
    double units = 0.0, entry_price = 0.0;
    int64_t entry_bar = 0, count = 0;
    int order = 0;
    for (int64_t bar = 0; bar < bars; bar++) {
        if (order > 0 && units == 0.0) {
            entry_price = open[bar] * (1.0 + slippage);
            units = cash / (entry_price * (1.0 + commission));
            cash -= units * entry_price * (1.0 + commission);
            entry_bar = bar;
        } else if (order < 0 && units > 0.0) {
            double price = open[bar] * (1.0 - slippage);
            double net = units * (price - entry_price) - units * (price + entry_price) * commission;
            trades[count++] = (Trade){entry_bar, bar, entry_price, price, units, net};
            cash += units * price * (1.0 - commission);
            units = 0.0;
        }
        equity[bar] = cash + units * close[bar];
        order = 1 - codes[bar];
    }
    return count;
}
